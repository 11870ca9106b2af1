"""How much memory a model would need whose weights do not fit into this machine: a step over fake tensors.

A fake tensor has a shape, a dtype and a device, and no values. Forward and backward run as they would, and autograd
keeps what it would keep:

    gradtrace memory examples/fake/large_model.py -- 70b
"""

import sys
from dataclasses import dataclass

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import cross_entropy, scaled_dot_product_attention, silu


@dataclass
class Config:
    """The size of a model, and of the batch of tokens that it is trained on."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    hidden: int
    words: int = 32_000
    length: int = 4_096
    batch: int = 1


CONFIGS = {
    "1b": Config(layers=16, width=2_048, heads=32, kv_heads=32, hidden=5_632),
    "7b": Config(layers=32, width=4_096, heads=32, kv_heads=32, hidden=11_008),
    "70b": Config(layers=80, width=8_192, heads=64, kv_heads=8, hidden=28_672),
}


class Block(nn.Module):
    """Attention and a gated perceptron, each added to what came in."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width, hidden = config.width, config.hidden
        self.heads, self.kv_heads = config.heads, config.kv_heads
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, width * config.kv_heads // config.heads, bias=False)
        self.v = nn.Linear(width, width * config.kv_heads // config.heads, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Hidden states of shape (batch, length, width), and again."""
        batch, length, width = x.shape
        h = self.norm1(x)
        q = self.q(h).view(batch, length, self.heads, -1).transpose(1, 2)
        k = self.k(h).view(batch, length, self.kv_heads, -1).transpose(1, 2)
        v = self.v(h).view(batch, length, self.kv_heads, -1).transpose(1, 2)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.heads > self.kv_heads)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        h = self.norm2(x)
        return x + self.down(silu(self.gate(h)) * self.up(h))


class LanguageModel(nn.Module):
    """A decoder as in Llama, without positions."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.words, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width)
        self.head = nn.Linear(config.width, config.words, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of shape (batch, length, words)."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


name = sys.argv[1] if len(sys.argv) > 1 else "1b"
config = CONFIGS[name]
torch.set_default_dtype(torch.bfloat16)

with FakeTensorMode():  # nothing inside is computed, and nothing takes memory
    model = LanguageModel(config)
    tokens = torch.randint(config.words, (config.batch, config.length))
    loss = cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
    loss.backward()

n_parameters = sum(parameter.numel() for parameter in model.parameters())
print(f"{name}: {n_parameters / 1e9:.1f} billion parameters, {2 * n_parameters / 1e9:.0f} GB in bfloat16")

"""Which share of the nodes of real models has words and a verified formula.

    python tests/ops/formula_coverage.py      print the table that stands in docs/formulas.md

The models are small in width, but have every kind of layer of the full ones.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812 - the usual name
from torch import nn

from gradtrace.formulas.lookup import lookup

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def transformer(name: str, **config: object) -> torch.Tensor:
    """Loss of a small transformer that reads token ids."""
    import transformers

    model = getattr(transformers, f"{name}")(getattr(transformers, config.pop("config"))(**config))
    ids = torch.randint(3, 50, (2, 12))
    return model(input_ids=ids, labels=ids).loss


def images(name: str, config: str, **settings: object) -> torch.Tensor:
    """Loss of a small image classifier."""
    import transformers

    model = getattr(transformers, name)(getattr(transformers, config)(**settings))
    return model(pixel_values=torch.randn(2, 3, 32, 32), labels=torch.tensor([0, 1])).loss


def recurrent(kind: type[nn.RNNBase]) -> torch.Tensor:
    """Loss of a language model on a recurrent layer."""
    embedding, layer, head = nn.Embedding(50, 16), kind(16, 24, num_layers=2, batch_first=True), nn.Linear(24, 50)
    ids = torch.randint(0, 50, (2, 12))
    return F.cross_entropy(head(layer(embedding(ids))[0]).flatten(0, 1), ids.flatten())


class Block(nn.Module):
    """Two convolutions with a time embedding between, as diffusion models have."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
        self.norm, self.time = nn.GroupNorm(4, out), nn.Linear(16, out)
        self.skip = nn.Conv2d(channels, out, 1)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        h = F.silu(self.norm(self.first(x))) + self.time(t)[:, :, None, None]
        return F.silu(self.second(h)) + self.skip(x)


def diffusion() -> torch.Tensor:
    """Loss of a denoising U-Net with attention in the middle."""
    down, middle, up = Block(3, 8), Block(8, 16), Block(24, 8)
    attention, last = nn.MultiheadAttention(16, 2, batch_first=True), nn.Conv2d(8, 3, 1)
    image, noise, step = torch.rand(2, 3, 16, 16), torch.randn(2, 3, 16, 16), torch.rand(2, 1)
    t = torch.cat([torch.sin(step * torch.arange(8)), torch.cos(step * torch.arange(8))], 1)
    share = torch.cos(step * 1.5)[:, :, None, None]
    high = down(share * image + (1 - share**2).sqrt() * noise, t)
    low = middle(F.max_pool2d(high, 2), t)
    seen = low.flatten(2).transpose(1, 2)
    low = low + attention(seen, seen, seen)[0].transpose(1, 2).reshape(low.shape)
    joined = torch.cat([high, F.interpolate(low, scale_factor=2, mode="bilinear")], 1)
    return F.mse_loss(last(up(joined, t)), noise)


def variational() -> torch.Tensor:
    """Loss of a variational autoencoder."""
    encoder, decoder = nn.Linear(20, 16), nn.Linear(8, 20)
    x = torch.rand(4, 20)
    mean, log_variance = encoder(x).tanh().chunk(2, 1)
    z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
    return F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum") + divergence


MODELS: dict[str, Callable[[], torch.Tensor]] = {
    "GPT-2": lambda: transformer(
        "GPT2LMHeadModel", config="GPT2Config", n_embd=32, n_layer=2, n_head=2, vocab_size=60, n_positions=32
    ),
    "BERT": lambda: transformer("BertForMaskedLM", config="BertConfig", vocab_size=60, **SIZES),
    "Llama": lambda: transformer(
        "LlamaForCausalLM", config="LlamaConfig", vocab_size=60, num_key_value_heads=1, **SIZES
    ),
    "Mixtral": lambda: transformer(
        "MixtralForCausalLM", config="MixtralConfig", vocab_size=60, num_key_value_heads=1, num_local_experts=3, **SIZES
    ),
    "T5": lambda: transformer(
        "T5ForConditionalGeneration", config="T5Config", vocab_size=60, d_model=32, d_kv=16, d_ff=64,
        num_layers=2, num_heads=2,        decoder_start_token_id=0,
    ),
    "ViT": lambda: images("ViTForImageClassification", "ViTConfig", image_size=32, patch_size=8, **SIZES),
    "ResNet": lambda: images(
        "ResNetForImageClassification", "ResNetConfig", embedding_size=8, hidden_sizes=[16, 32], depths=[2, 2]
    ),
    "Swin": lambda: images(
        "SwinForImageClassification", "SwinConfig", image_size=32, patch_size=4, embed_dim=16,
        depths=[1, 1], num_heads=[2, 2], window_size=4,
    ),
    "RNN": lambda: recurrent(nn.RNN),
    "LSTM": lambda: recurrent(nn.LSTM),
    "GRU": lambda: recurrent(nn.GRU),
    "diffusion U-Net": diffusion,
    "variational autoencoder": variational,
}  # fmt: skip


def node_types(loss: torch.Tensor) -> Counter[str]:
    """How often each type is in the graph."""
    seen, todo = {loss.grad_fn}, [loss.grad_fn]
    while todo:
        for following, _ in todo.pop().next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                todo.append(following)
    return Counter(node.name() for node in seen)


def main() -> None:
    """Print the table."""
    total = Counter[str]()
    without = Counter[str]()
    say("| model | nodes | with words and a verified formula | without |\n| --- | --- | --- | --- |")
    for name, loss in MODELS.items():
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            types = node_types(loss())
        missing = Counter({kind: n for kind, n in types.items() if not is_in_catalogue(kind)})
        covered = types.total() - missing.total()
        named = ", ".join(f"`{kind}`" for kind in sorted(missing)) or "none"
        say(f"| {name} | {types.total()} | {100 * covered / types.total():.1f} % | {named} |")
        total, without = total + types, without + missing
    say(f"| all | {total.total()} | {100 * (1 - without.total() / total.total()):.1f} % | |")


def say(line: str) -> None:
    """At once: a model takes a while."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def is_in_catalogue(node_type: str) -> bool:
    """Whether the type has words, and its expressions are compared with autograd."""
    formula = lookup(node_type)
    known = node_type.removeprefix("torch::autograd::").removesuffix("_copy")
    has_words = formula is not None and formula.source == "catalogue"
    is_verified = has_words and (formula.gradients or known == "AccumulateGrad")
    return bool(is_verified) and known in formula.node_types


if __name__ == "__main__":
    main()

"""Models and steps whose saved tensors are counted by torch's own hooks, beside what gradtrace says of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class Residual(nn.Module):
    """Two convolutions around which the input goes; relu works in place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.relu(self.norm1(self.first(x)))
        return self.relu(self.norm2(self.second(h)) + x)


class ConvNet(nn.Module):
    """A small residual net for images."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.blocks = nn.ModuleList([Residual(8) for _ in range(3)])
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.pool(self.stem(x))
        for block in self.blocks:
            h = block(h)
        return self.head(h.mean((2, 3)))


class Attention(nn.Module):
    """A block of a language model."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        parts = self.qkv(self.norm1(x)).split(width, 2)
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
        mixed = (
            nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            .transpose(1, 2)
            .reshape(batch, length, width)
        )
        x = x + self.out(mixed)
        return x + self.mlp(self.norm2(x))


class LanguageModel(nn.Module):
    """Embedding, three blocks, head."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, width)
        self.blocks = nn.ModuleList([Attention(width, 4) for _ in range(3)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 50, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class UNet(nn.Module):
    """One level down and up, with a connection that skips it."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU())
        self.down2 = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1, stride=2), nn.SiLU())
        self.up = nn.Sequential(nn.Conv2d(24, 8, 3, padding=1), nn.Tanh())
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.down1(x)
        b = nn.functional.interpolate(self.down2(a), scale_factor=2)
        return self.out(self.up(torch.cat([a, b], 1)))


class Recurrent(nn.Module):
    """A loop inside torch."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 8)
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.out = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.lstm(self.embed(x).tanh())[0][:, -1])


class Unrolled(nn.Module):
    """A layer, and a block of two, each called several times in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(8, 8)
        self.block = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Softplus())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            x = self.cell(x)
        for _ in range(3):
            x = self.block(x)
        return x


def encoder() -> nn.Module:
    """Torch's own transformer, with dropout."""
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 3)


def perceptron() -> nn.Module:
    """Layers in layers."""
    inner = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.1))
    return nn.Sequential(nn.Linear(64, 128), nn.GELU(), inner, nn.LayerNorm(128), nn.Linear(128, 10))


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], torch.Tensor]]] = {
    "perceptron": (perceptron, lambda: torch.randn(32, 64)),
    "encoder": (encoder, lambda: torch.randn(4, 16, 64)),
    "convolutions": (ConvNet, lambda: torch.randn(4, 3, 16, 16)),
    "language model": (LanguageModel, lambda: torch.randint(50, (2, 16))),
    "unet": (UNet, lambda: torch.randn(2, 3, 16, 16)),
    "recurrent": (Recurrent, lambda: torch.randn(4, 7, 6)),
    "unrolled": (Unrolled, lambda: torch.randn(4, 8)),
}


@dataclass
class Step:
    """What makes a loss, and the tensors whose memory the graph does not add to."""

    loss: Callable[[], torch.Tensor]
    apart: list[torch.Tensor]

    def counted(self) -> int:
        """Bytes of all storages that saved-tensor hooks see, but for those of tensors apart."""
        apart = {one.untyped_storage()._cdata for one in self.apart}
        found: dict[int, torch.UntypedStorage] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in apart:
                found[storage._cdata] = storage
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            self.loss()
        return sum(storage.nbytes() for storage in found.values())


def step(model: nn.Module, x: torch.Tensor, call: Callable[..., Any] | None = None) -> Step:
    """One that squares what a model makes of a batch."""
    apart = [*model.parameters(), *model.buffers()]
    return Step(lambda: (call or model)(x).float().square().mean(), apart)


def _checkpointed() -> Step:
    model = LanguageModel()
    checkpointed(model, [f"blocks.{number}" for number in range(3)])
    return step(model, torch.randint(50, (2, 16)))


def _reentrant() -> Step:
    layers, x = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)), torch.randn(4, 8, requires_grad=True)
    return Step(lambda: checkpoint(layers, x.sin(), use_reentrant=True).exp().sum(), [*layers.parameters(), x])


def _nested() -> Step:
    layers, x = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)]), torch.randn(4, 8)

    def inner(h: torch.Tensor) -> torch.Tensor:
        return nn.functional.gelu(layers[1](nn.functional.gelu(layers[0](h))))

    def outer(h: torch.Tensor) -> torch.Tensor:
        return layers[2](checkpoint(inner, h.sin(), use_reentrant=False)).exp()

    return Step(lambda: checkpoint(outer, x, use_reentrant=False).sum(), list(layers.parameters()))


def _adapted() -> Step:
    base = nn.Linear(16, 16).requires_grad_(requires_grad=False)
    base.down, base.up = nn.Parameter(torch.randn(2, 16)), nn.Parameter(torch.randn(16, 2))
    x = torch.randn(8, 16)
    return Step(
        lambda: base(nn.functional.gelu(base(x) + x @ base.down.T @ base.up.T)).square().sum(), list(base.parameters())
    )


class Product(torch.autograd.Function):
    """Saves an input, a parameter and what it has made itself."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, w, (x * w).exp())
        return x * w

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, w, _ = ctx.saved_tensors
        return gradient * w, gradient * x


def _custom() -> Step:
    w, x = nn.Parameter(torch.randn(5, 6)), torch.randn(5, 6)
    return Step(lambda: Product.apply(x.sin() * w, w).exp().sum(), [w])


def _autocast() -> Step:
    model, x = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4)), torch.randn(8, 16)

    def loss() -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = model(x)
        return y.float().log_softmax(1).sum()

    return Step(loss, list(model.parameters()))


def _views() -> Step:
    w, x = nn.Parameter(torch.randn(6, 6)), torch.randn(36)

    def loss() -> torch.Tensor:
        rows = (w @ x.view(6, 6)).t()[1:3].exp().repeat(2, 1).unflatten(0, (2, 2))
        return (rows.cumprod(0) * x[:6]).sum()

    return Step(loss, [w])


def _shared() -> Step:
    layer, x = nn.Linear(8, 8), torch.randn(3, 8)
    return Step(lambda: layer(layer(layer(x).tanh()).tanh()).prod(), list(layer.parameters()))


def _meta() -> Step:
    with torch.device("meta"):
        return step(encoder(), torch.randn(4, 16, 64))


STEPS: dict[str, Callable[[], Step]] = {
    **{name: partial(lambda make, data: step(make(), data()), *both) for name, both in MODELS.items()},
    "checkpointed blocks": _checkpointed,
    "a reentrant checkpoint": _reentrant,
    "a checkpoint in a checkpoint": _nested,
    "a frozen layer with an adapter": _adapted,
    "a custom function": _custom,
    "autocast": _autocast,
    "views of one storage": _views,
    "one layer three times": _shared,
    "tensors on the meta device": _meta,
}


def checkpointed(model: nn.Module, paths: Iterable[str]) -> None:
    """Let each call of these modules be a checkpoint, from now on."""
    modules = dict(model.named_modules())
    for path in paths:
        modules[path].forward = partial(checkpoint, modules[path].forward, use_reentrant=False)

"""The programs that are measured: each a training step in the two halves `loss()` and `update()`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Workload:
    """A step: `update(loss())`; `model` and `inputs` are for tools that call the model themselves."""

    title: str
    loss: Callable[[], torch.Tensor]
    update: Callable[[torch.Tensor], None]
    model: nn.Module
    inputs: tuple[Any, ...]
    pairs: int

    def step(self) -> None:
        """One whole step."""
        self.update(self.loss())


class _Chain(nn.Module):
    def __init__(self, length: int) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.ones(3))
        self.length = length

    def forward(self) -> torch.Tensor:
        y = self.x
        for _ in range(self.length):
            y = y * 1.0001
        return y.sum()


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x))))))


def _trained(
    title: str, model: nn.Module, inputs: tuple[Any, ...], loss: Callable[[], torch.Tensor], optimizer: Any, pairs: int
) -> Workload:
    def update(value: torch.Tensor) -> None:
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return Workload(title, loss, update, model, inputs, pairs)


def chain() -> Workload:
    """5,000 multiplications of three numbers: nothing but the cost of an op."""
    model = _Chain(5000)
    return _trained("chain of 5,000 ops", model, (), model, torch.optim.SGD(model.parameters(), lr=1e-9), 12)


def mlp() -> Workload:
    """100 layers of 16 units."""
    layers = [layer for _ in range(100) for layer in (nn.Linear(16, 16), nn.Tanh())]
    model, x = nn.Sequential(*layers), torch.randn(8, 16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return _trained("MLP of 100 tiny layers", model, (x,), lambda: model(x).pow(2).mean(), optimizer, 24)


def resnet() -> Workload:
    """Eight residual blocks of 32 channels on 8 images of 32 x 32."""
    blocks = [_Block(32) for _ in range(8)]
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)
    )
    x, y = torch.randn(8, 3, 32, 32), torch.randint(0, 10, (8,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return _trained("ResNet-like", model, (x,), lambda: nn.functional.cross_entropy(model(x), y), optimizer, 10)


def gpt2() -> Workload:
    """GPT-2 small with random weights, batch 1, 64 tokens, AdamW."""
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    model = GPT2LMHeadModel(GPT2Config(use_cache=False))
    ids = torch.randint(0, 50257, (1, 64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    return _trained("GPT-2 small", model, (ids,), lambda: model(input_ids=ids, labels=ids).loss, optimizer, 3)


WORKLOADS = {"chain": chain, "mlp": mlp, "resnet": resnet, "gpt2": gpt2}

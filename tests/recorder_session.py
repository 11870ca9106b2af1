"""Records what a test does in its own process, and reads it back."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gradtrace import recorder
from gradtrace.model import Trace
from gradtrace.recorder.config import Config
from gradtrace.recording import load

_ALL_VALUES = 100_000


class Session:
    """A recording of this process; `trace()` reads what was written so far."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def stream(self) -> Path:
        """The file which this process wrote."""
        return self.directory / f"{os.getpid()}.stream"

    def trace(self) -> Trace:
        """The recording as the reader sees it."""
        return load(self.stream)


@contextlib.contextmanager
def recorded(directory: Path, **options: Any) -> Iterator[Session]:
    """Record the block: every pass in full and every value, unless `options` (those of `Config`) say otherwise."""
    for number in itertools.count():
        session = directory / f"session-{number}"
        if not session.exists():
            break
    session.mkdir()
    settings: dict[str, Any] = {"passes": None, "value_limit": _ALL_VALUES, **options}
    recorder.start(Config(session=session, **settings))
    try:
        yield Session(session)
    finally:
        recorder.stop()


def train(steps: int = 2) -> tuple[nn.Module, list[Any]]:
    """A program with most of what the recorder watches; returns the model and its final numbers."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.2), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net[0].weight.register_hook(lambda gradient: gradient * 2)
    for _ in range(steps):
        optimizer.zero_grad()
        hidden = net[0](torch.randn(5, 3))
        hidden.register_hook(lambda gradient: gradient.clamp(max=0.1))
        hidden.retain_grad()
        net[1:](hidden).pow(2).mean().backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    return net, [parameter.tolist() for parameter in net.parameters()]


def hooks_of(net: nn.Module) -> list[list[Any]]:
    """The keys of the hooks on each parameter."""
    return [list(parameter._backward_hooks or ()) for parameter in net.parameters()]

"""Proves after each test of the recorder that nothing of it is left behind in the process."""

import gc
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from recorder_session import train

from gradtrace import recorder

OWNERS = (
    torch,
    torch.Tensor,
    torch.autograd,
    torch.autograd.graph,
    torch.autograd.graph.saved_tensors_hooks,
    torch.autograd.Function,
    torch.nn.Module,
    torch.nn.Parameter,
    torch.optim.Optimizer,
    torch.optim.SGD,
    torch.overrides,
    torch._functorch.utils,
    threading.Thread,
    sys,
)
"""Where something might be replaced."""


def attributes() -> dict[str, int]:
    """What each owner holds, function by function, and every check for overrides in torch's modules."""
    found = {
        f"{owner.__name__}.{name}": id(value)
        for owner in OWNERS
        for name, value in vars(owner).items()
        if isinstance(value, types.FunctionType | types.BuiltinFunctionType)
    }
    for module in list(sys.modules.values()):
        if isinstance(module, types.ModuleType) and module.__name__.startswith("torch."):
            found.update(
                {
                    f"{module.__name__}.{name}": id(value)
                    for name, value in vars(module).items()
                    if "has_torch_function" in name
                }
            )
    return found


def registered() -> dict[str, object]:
    """Hooks, modes and open files of the process."""
    module, optimizer = torch.nn.modules.module, sys.modules["torch.optim.optimizer"]
    return {
        "module hooks": [
            len(getattr(module, name)) for name in dir(module) if name.startswith("_global") and name.endswith("hooks")
        ],
        "optimizer hooks": [len(optimizer._global_optimizer_pre_hooks), len(optimizer._global_optimizer_post_hooks)],
        "modes": torch._C._len_torch_function_stack(),
        "tracing": (sys.gettrace(), sys.getprofile()),
        "collector": (gc.isenabled(), gc.callbacks),
        "grad": torch.is_grad_enabled(),
        "streams": sorted(name for name in map(opened, Path("/proc/self/fd").iterdir()) if name.endswith(".stream")),
    }


def opened(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


@pytest.fixture(scope="session")
def _torch_has_settled() -> None:
    """Torch replaces some functions of its own when they are first used."""
    train()


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(_torch_has_settled) -> Iterator[None]:
    before = attributes(), registered()
    try:
        yield
    finally:
        recorder.stop()
    after = attributes(), registered()
    assert {name for name in before[0] if before[0][name] != after[0].get(name)} == set()
    assert after[1] == before[1]

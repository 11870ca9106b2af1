"""What the programs beside this one print of themselves; COMPILE_BACKEND chooses how they compile."""

import hashlib
import os

import torch
import torch._dynamo
from torch._dynamo.utils import counters

BACKEND = os.environ.get("COMPILE_BACKEND", "aot_eager")
torch.manual_seed(0)


def bits(*tensors):
    """A hash of all numbers."""
    digest = hashlib.sha256()
    for one in tensors:
        digest.update(b"none" if one is None else one.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def report(module, *others, frames=True):
    """Graphs, breaks by reason, recompiles, frames; and a hash of weights, gradients, random numbers and others.

    With compiled autograd, frames of torch's own libraries are compiled too, and how many depends on the order of their
    sets: two bare runs differ. Then they are not counted.
    """
    for what in ("stats", "frames", "graph_break", "recompiles", "unimplemented", "compiled_autograd", "aot_autograd"):
        if what in ("frames", "unimplemented") and not frames:
            continue
        print(what, sorted((str(key), value) for key, value in counters[what].items()))
    weights = list(module.parameters())
    print(bits(*weights, *(one.grad for one in weights), torch.get_rng_state(), *others))


def net():
    """A small model."""
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.GELU(), torch.nn.LayerNorm(8), torch.nn.Linear(8, 1))

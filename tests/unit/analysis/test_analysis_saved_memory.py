"""What a graph keeps is what torch's own hooks count, and a checkpoint saves what it is said to save."""

import copy
import re

import pytest
import saved_memory_programs as programs
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import gradtrace
from gradtrace.analysis.checkpointing import checkpointing
from gradtrace.analysis.memory_groups import by_line, by_module, by_op
from gradtrace.analysis.saved_memory import Origin, SavedMemory, memories


def kept(step: programs.Step) -> SavedMemory:
    """What the pass of a step keeps, as gradtrace sees it; others may run inside it."""
    with gradtrace.record(level="structure") as recording:
        step.loss().backward()
    return next(iter(memories(recording.trace).values()))


@pytest.mark.parametrize("name", programs.STEPS)
def test_as_many_bytes_as_hooks_count(name: str) -> None:
    """Each storage once; parameters and buffers apart; of a checkpoint its inputs."""
    torch.manual_seed(0)
    step = programs.STEPS[name]()
    memory = kept(step)
    assert memory.bytes == step.counted()
    for grouped in (by_line, by_module, by_op):
        assert sum(group.bytes for group in grouped(memory.storages)) == memory.bytes


def test_fake_tensors_keep_what_real_ones_keep() -> None:
    """The same step, with and without memory behind it."""
    torch.manual_seed(0)
    real = kept(programs.STEPS["language model"]())
    with FakeTensorMode():
        step = programs.STEPS["language model"]()
        fake, counted = kept(step), step.counted()
    assert real.bytes == fake.bytes == counted
    assert [one.bytes for one in fake.storages] == [one.bytes for one in real.storages]


@pytest.mark.parametrize("name", programs.MODELS)
def test_a_checkpoint_saves_what_it_is_said_to_save(name: str) -> None:
    """Each module that is named, and all that are alike, are really checkpointed, and the rest is counted."""
    torch.manual_seed(0)
    make, data = programs.MODELS[name]
    model, x = make(), data()
    memory = kept(programs.step(model, x))
    found = checkpointing(memory)
    assert found
    for one in found:
        alike = re.compile(re.escape(one.path.removeprefix("model.")).replace(r"\*", r"\d+"))
        other = copy.deepcopy(model)
        paths = [path for path, module in other.named_modules() if alike.fullmatch(path)]
        assert len(paths) == one.n_modules
        assert one.n_calls == len(paths) * (3 if name == "unrolled" else 1)
        if any(type(dict(other.named_modules())[path]) is nn.ModuleList for path in paths):
            continue  # nobody calls it: its parts would have to be called in one function
        programs.checkpointed(other, paths)
        assert memory.bytes - programs.step(other, x).counted() == one.less, one.path


def test_where_storages_come_from() -> None:
    """Outputs behind views, inputs by their names, masks, what a checkpoint starts from, attributes of a context."""

    class Masked(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mask = x > 0
            return x * ctx.mask

        @staticmethod
        def backward(ctx, gradient):
            return gradient * ctx.mask

    x, w = torch.randn(6, 6), torch.randn(6, 6, requires_grad=True)
    layer = nn.Linear(6, 6).requires_grad_(requires_grad=False)

    def loss() -> torch.Tensor:
        h = (x @ w).exp().t()
        h = nn.functional.dropout(layer(h), 0.5)
        return torch.utils.checkpoint.checkpoint(torch.sin, Masked.apply(h), use_reentrant=False).sum()

    memory = kept(programs.Step(loss, []))
    found = [(one.origin, one.maker and one.maker.op, one.owner, one.first.saved.name) for one in memory.storages]
    assert found == [
        (Origin.INPUT, None, "x", "self"),
        (Origin.OUTPUT, "exp", None, "result"),
        (Origin.INTERNAL, None, None, "other"),
        (Origin.UNKNOWN, None, None, "ctx.mask"),
        (Origin.OUTPUT, "Masked", None, "checkpoint.0"),
    ]
    assert (memory.n_recomputed, memory.n_unknown, memory.saved_parameters.count) == (1, 0, 1)


def test_hooks_that_keep_something_else() -> None:
    """What they pack is counted where it is a tensor; what cannot be seen is said to be somewhere."""
    w = torch.randn(100, requires_grad=True)

    def packed(pack, unpack) -> SavedMemory:
        def loss() -> torch.Tensor:
            with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
                return w.sin().exp().sum()

        return kept(programs.Step(loss, [w]))

    halves = packed(lambda x: (x.dtype, x.half()), lambda both: both[1].to(both[0]))
    assert (halves.bytes, halves.n_unknown, halves.n_recomputed) == (2 * 200, 0, 0)
    away: dict[int, torch.Tensor] = {}
    hidden = packed(lambda x: (away.update({len(away): x}), len(away) - 1)[1], lambda at: away[at])
    assert (hidden.bytes, hidden.n_unknown, hidden.n_recomputed) == (0, 2, 0)

"""Processes that train one model together compute different graphs.

## What it does

Looks for parameters that get a gradient in one process of a distributed run and none in another, in the same step,
where the processes add up their gradients.

## Why is this bad?

All processes must add up the same tensors, in the same order. A process that skips one adds its next gradient to that
of another parameter, or waits for ever.

## Example

```python
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn


def average(model):
    for p in model.parameters():
        if p.grad is not None:
            dist.all_reduce(p.grad)
            p.grad /= dist.get_world_size()


def run(rank, store):
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = nn.ModuleDict({"body": nn.Linear(4, 4), "left": nn.Linear(4, 4), "right": nn.Linear(4, 4)})
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        h = model["body"](torch.randn(8, 4))
        h = model["left"](h) if rank == 0 else model["right"](h)
        opt.zero_grad()
        h.pow(2).mean().backward()
        average(model)
        opt.step()
    dist.destroy_process_group()


mp.start_processes(run, (f"{tempfile.mkdtemp()}/store",), nprocs=2, start_method="fork")
```

## Use instead

```python
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn


def average(model):
    for p in model.parameters():
        if p.grad is None:
            p.grad = torch.zeros_like(p)
        dist.all_reduce(p.grad)
        p.grad /= dist.get_world_size()


def run(rank, store):
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = nn.ModuleDict({"body": nn.Linear(4, 4), "left": nn.Linear(4, 4), "right": nn.Linear(4, 4)})
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        h = model["body"](torch.randn(8, 4))
        h = model["left"](h) if rank == 0 else model["right"](h)
        opt.zero_grad()
        h.pow(2).mean().backward()
        average(model)
        opt.step()
    dist.destroy_process_group()


mp.start_processes(run, (f"{tempfile.mkdtemp()}/store",), nprocs=2, start_method="fork")
```

## How it is detected

Processes whose optimizers hold parameters of the same names and shapes are compared pass by pass, as long as their
passes begin at the same line. That they add up their gradients is told by value: what each had put into a `.grad` was
different, and what later writes left there was the same. A parameter is named that only one of them
gave a gradient to, and whose `.grad` the other did not fill in any other way; or any such parameter, if the run ended
because the processes lost touch.

## Known problems

Processes that were recorded one by one are compared only after `gradtrace merge` has put them together.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.ownership import called, consumers
from gradtrace.diagnosis.evidence.ranks import Divergence, divergences
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Location, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need

_MOST = 5


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding if processes of the run reach different parameters."""
    found = divergences(trace)
    if not found:
        return
    first = found[0]
    place = _used(first) or first.one.location
    others = ((_used(each), _said(trace, each)) for each in found[1:_MOST])
    seen = (first.other.location, f"this pass of {trace.run.name_of(first.other.process)} does not reach them")
    yield Finding(
        "rank-divergent-graph",
        Severity.ERROR if first.is_fatal else Severity.WARNING,
        _said(trace, first),
        place,
        tuple(note for note in notes(*others, seen) if note.location != place),
        "Let every rank use the same parameters, or let it add up zeros for those that it did not use "
        "(DDP: `find_unused_parameters=True`).",
        tuple(leaf for each in found for leaf in (*each.leaves, *each.missed)),
        (first.one.index, first.other.index),
    )


def _said(trace: Trace, each: Divergence) -> str:
    names = called(trace.leaves[leaf] for leaf in each.leaves)
    giver, lacker = (trace.run.name_of(one.process) for one in (each.one, each.other))
    return f"{giver} gives {names} a gradient, {lacker} does not"


def _used(one: Divergence) -> Location | None:
    """Where the first of the parameters goes into the graph."""
    graph = one.one.graph
    if graph is None:
        return None
    users = (graph.nodes[number].location for number in consumers(one.one, one.leaves[0]))
    return next((place for place in users if place is not None), None)


RULE = Rule(
    name="rank-divergent-graph",
    severity=Severity.WARNING,
    summary="Processes that train one model together compute different graphs.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
    is_about_ranks=True,
)

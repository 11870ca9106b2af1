"""Parameters are trained by an optimizer and used by no loss.

## What it does

Looks for parameters of a model that an optimizer holds and that were part of no graph in the whole run.

## Why is this bad?

A layer that was meant to be used is not called, or its result is dropped; under DistributedDataParallel it is an
error.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)

    def forward(self, x):
        h = self.first(x)
        h.relu()
        return h


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    loss = net(torch.randn(8, 4)).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = nn.Linear(4, 4)

    def forward(self, x):
        h = self.first(x)
        h = self.second(h.relu())
        return h


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    loss = net(torch.randn(8, 4)).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

Parameters are looked at that an optimizer holds; it fires for those that no pass of a run of at least two ever
reached, that no cut explains, and whose model's other parameters are trained.

## Known problems

A layer that is used only later than the run was watched is not known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import losses
from gradtrace.diagnosis.evidence.ownership import called, is_named, lost, owners, reached, received
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CutKind, Finding, LeafKind, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for the parameters that no loss depends on."""
    if len(trace.passes) < 2 or trace.run.error is not None or any(one.error for one in trace.passes):  # noqa: PLR2004
        return
    if not any(is_named(trace.leaves[leaf]) and leaf in owners(trace) for leaf in received(trace)):
        return
    known = reached(trace)
    cut_off = {leaf for cut in trace.cuts for leaf in cut.leaves if cut.passes or cut.kind in _CARRIES}
    cut_off.update(leaf.id for loss in losses(trace) for leaf in loss.leaves)
    unused = [
        leaf
        for leaf in lost(trace)
        if leaf.id not in known and leaf.id not in cut_off and leaf.kind == LeafKind.PARAMETER and is_named(leaf)
    ]
    if unused:
        optimizer = trace.optimizers[min(owners(trace)[unused[0].id])] if owners(trace).get(unused[0].id) else None
        yield Finding(
            "unused-layer",
            Severity.WARNING,
            f"no loss depends on {called(unused)}, which an optimizer is to train",
            None if optimizer is None else optimizer.location,
            help="Use the layer in `forward`, remove it, or freeze it with `requires_grad_(False)`.",
            leaves=tuple(leaf.id for leaf in unused),
        )


_CARRIES = frozenset(
    {
        CutKind.TOLIST,
        CutKind.NUMPY,
        CutKind.NEW_TENSOR,
        CutKind.NO_GRAD,
        CutKind.INFERENCE_MODE,
        CutKind.NOT_DIFFERENTIABLE,
    }
)
"""Cuts that may carry a value on without coming back where it was seen."""


RULE = Rule(
    name="unused-layer",
    severity=Severity.WARNING,
    summary="Parameters are trained by an optimizer and used by no loss.",
    check=check,
    page=__doc__ or "",
)

"""A parameter of a DistributedDataParallel model gets no gradient.

## What it does

Looks for the error that DistributedDataParallel raises at the forward after a backward in which some parameters took
no part.

## Why is this bad?

The error stands one iteration too late and gives indices instead of names.

## Example

```python
import tempfile

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.spare = nn.Linear(3, 1), nn.Linear(3, 1)

    def forward(self, x):
        return self.used(x)


dist.init_process_group("gloo", init_method=f"file://{tempfile.mkdtemp()}/store", rank=0, world_size=1)
model = DistributedDataParallel(Net())
for _ in range(2):
    model(torch.randn(2, 3)).sum().backward()
```

## Use instead

```python
import tempfile

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.used = nn.Linear(3, 1)

    def forward(self, x):
        return self.used(x)


dist.init_process_group("gloo", init_method=f"file://{tempfile.mkdtemp()}/store", rank=0, world_size=1)
model = DistributedDataParallel(Net())
for _ in range(2):
    model(torch.randn(2, 3)).sum().backward()
    model.zero_grad()
dist.destroy_process_group()
```

## How it is detected

The exception ended the program; the leaves that require grad and that no pass reached are those that
DistributedDataParallel waits for.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import failure, notes, of_pass
from gradtrace.diagnosis.evidence.ownership import called, reached
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = failure(trace, "Expected to have finished reduction in the prior iteration")
    if found is None:
        return
    known = reached(trace)
    unused = tuple(leaf for leaf in trace.leaves if leaf.requires_grad and leaf.id not in known)
    names = called(unused) if unused else "Some parameters"
    last = next((one for one in reversed(trace.passes) if one.error is None), None)
    yield Finding(
        "ddp-unused-parameter",
        Severity.ERROR,
        f"DDP waits for gradients of {names}, which the loss does not use",
        found.place,
        notes((last.location if last is not None else None, "this backward did not reach them")),
        "Use them in forward, remove them, or pass `find_unused_parameters=True` to DistributedDataParallel.",
        tuple(leaf.id for leaf in unused),
        of_pass(last),
    )


RULE = Rule(
    name="ddp-unused-parameter",
    severity=Severity.ERROR,
    summary="A parameter of a DistributedDataParallel model gets no gradient.",
    check=check,
    page=__doc__ or "",
)

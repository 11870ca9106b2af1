"""DistributedDataParallel meets a parameter twice in one backward pass.

## What it does

Looks for parameters of a DistributedDataParallel model that a reentrant checkpoint uses several times in one forward
pass, and for other ways in which DistributedDataParallel counts a parameter as ready twice.

## Why is this bad?

DistributedDataParallel waits once for each parameter. Every reentrant checkpoint runs a backward pass of its own, so
that a block which is used twice reports its parameters twice, and backward stops.

## Example

```python
import tempfile

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.block = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        x = self.first(x)
        for _ in range(2):
            x = checkpoint(self.block, x, use_reentrant=True)
        return x


dist.init_process_group("gloo", init_method=f"file://{tempfile.mkdtemp()}/store", rank=0, world_size=1)
model = DistributedDataParallel(Net())
model(torch.randn(2, 3)).sum().backward()
```

## Use instead

```python
import tempfile

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.block = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        x = self.first(x)
        for _ in range(2):
            x = checkpoint(self.block, x, use_reentrant=False)
        return x


dist.init_process_group("gloo", init_method=f"file://{tempfile.mkdtemp()}/store", rank=0, world_size=1)
model = DistributedDataParallel(Net())
model(torch.randn(2, 3)).sum().backward()
dist.destroy_process_group()
```

## How it is detected

The exception ended the program. Checkpoints are the nodes of the outer pass during which passes of their own ran; those
of a leaf that more than one of these passes reached are named.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import failure, notes, of_pass
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import BackwardPass, Finding, Leaf, Location, Severity, Trace

_SAID = "Expected to mark a variable ready only once"
_CHECKPOINT = "CheckpointFunction"


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding, if the program ended so."""
    found = failure(trace, _SAID)
    if found is None:
        return
    outer = next((one for one in trace.passes if one.error is not None and one.parent is None), found.backward)
    nested = [one for one in trace.passes if outer is not None and one.parent == outer.index]
    place = _checkpoint(outer)
    leaves = _met_twice(trace, nested)
    names = called(leaves) if leaves else "some parameters"
    if place is None:
        message = f"DistributedDataParallel meets {names} twice in one backward pass"
        advice = "Run one forward pass of the wrapped model for each backward, and use its parameters only in there."
    else:
        message = f"{names}: a reentrant checkpoint uses them twice, for which DDP waits once"
        advice = "Call `checkpoint(..., use_reentrant=False)`, or pass `static_graph=True` to DistributedDataParallel."
    yield Finding(
        "ddp-marked-twice",
        Severity.ERROR,
        message,
        place or found.place,
        notes((found.place, "backward stops here")) if place is not None else (),
        advice,
        tuple(leaf.id for leaf in leaves),
        of_pass(outer),
    )


def _checkpoint(outer: BackwardPass | None) -> Location | None:
    """The line of a reentrant checkpoint in the graph of a pass."""
    nodes = outer.graph.nodes if outer is not None and outer.graph is not None else ()
    return next((node.location for node in nodes if node.type.startswith(_CHECKPOINT) and node.location), None)


def _met_twice(trace: Trace, nested: list[BackwardPass]) -> tuple[Leaf, ...]:
    """The leaves in the graphs of more than one of the passes."""
    counts = Counter(
        leaf
        for one in nested
        if one.graph is not None
        for leaf in {node.leaf for node in one.graph.nodes if node.leaf is not None}
    )
    return tuple(trace.leaves[leaf] for leaf in sorted(counts) if counts[leaf] > 1)


RULE = Rule(
    name="ddp-marked-twice",
    severity=Severity.ERROR,
    summary="DistributedDataParallel meets a parameter twice in one backward pass.",
    check=check,
    page=__doc__ or "",
)

"""A retained graph leads back to weights that a step has changed.

## What it does

Looks for backward passes with `retain_graph=True` that walk into the graph of an earlier iteration, whose weights
`optimizer.step()` has changed since.

## Why is this bad?

`retain_graph=True` silences 'backward through the graph a second time' and leads to this error one iteration later:
the old graph needs old weights. The state that is carried over is the cause of both.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
cell = nn.RNNCell(3, 4)
opt = torch.optim.SGD(cell.parameters(), lr=0.1)
h = torch.zeros(1, 4)
for _ in range(3):
    h = cell(torch.randn(1, 3), h)
    opt.zero_grad()
    h.sum().backward(retain_graph=True)
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
cell = nn.RNNCell(3, 4)
opt = torch.optim.SGD(cell.parameters(), lr=0.1)
h = torch.zeros(1, 4)
for _ in range(3):
    h = cell(torch.randn(1, 3), h.detach())
    opt.zero_grad()
    h.sum().backward()
    opt.step()
```

## How it is detected

Every write into a tensor that autograd keeps is recorded with its line and the version that it left behind. When
backward stops because a saved tensor is newer than what was saved, the writes between the two versions are the cause.
This rule names those where the write was an update of a parameter (`step()`, a method of an optimizer with another
name, a line that writes to a parameter without gradients) and an earlier pass kept its graph: at the same line, with
the saving operation from an earlier round, or from the same loss, which is run backward again.

## Known problems

Only the first tensor that torch stumbles over is named: the next one appears when this one is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.overwrites import Reason, finding, overwrite, retained
from gradtrace.diagnosis.evidence.roots import root_name
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = overwrite(trace)
    if found is not None and found.reason is Reason.KEPT_GRAPH:
        yield finding(
            "retain-graph-stale-weights",
            found,
            f"{found.updater} changes {found.name}, which the retained graph of an earlier iteration needs",
            "Remove `retain_graph=True`. Compute in each iteration what was computed once, and detach state that is "
            "carried over: `h = h.detach()`.",
        )
    backward = found.failure.backward if found is not None else None
    if found is not None and backward is not None and found.reason is Reason.WALKED_AGAIN:
        kept = retained(trace, backward)
        loss = root_name(backward)
        yield finding(
            "retain-graph-stale-weights",
            found,
            f"{found.updater} changes {found.name}, and {loss} is run backward again through its old graph",
            f"Compute {loss} anew after the weights have changed, and drop `retain_graph=True`.",
            ((kept.location if kept is not None else None, "retain_graph=True keeps the graph of the old weights"),),
        )


RULE = Rule(
    name="retain-graph-stale-weights",
    severity=Severity.ERROR,
    summary="A retained graph leads back to weights that a step has changed.",
    check=check,
    page=__doc__ or "",
)

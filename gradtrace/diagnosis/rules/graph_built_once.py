"""A part of the graph is computed once and used in every iteration.

## What it does

Looks for differentiable values that are computed outside of the loop in which backward runs.

## Why is this bad?

The first backward frees that part, and the second one stops. It would also be stale: computed from the parameters as
they were before the first step.

## Example

```python
import torch

torch.manual_seed(0)
raw = torch.zeros(1, requires_grad=True)
scale = torch.nn.functional.softplus(raw)
opt = torch.optim.SGD([raw], lr=0.1)
for _ in range(2):
    opt.zero_grad()
    loss = (torch.randn(5) / scale).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch

torch.manual_seed(0)
raw = torch.zeros(1, requires_grad=True)
opt = torch.optim.SGD([raw], lr=0.1)
for _ in range(2):
    opt.zero_grad()
    scale = torch.nn.functional.softplus(raw)
    loss = (torch.randn(5) / scale).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

Every node is stamped with the number of passes that had begun when it was made, and with the pass that freed it. When
backward meets a freed node, the edge that leads from the new part of the graph to the old one is what was carried
over. Here the line of the old value makes nothing in the new part, while backward runs at the same line again. What the
program holds of it when it ends tells by which attribute it is known, and which line stores it there. The cache of
`parametrize.cached()` is known by the `with` block that the exception went through.

## Known problems

Passes that were not recorded in full leave no stamps: record more of them with `--passes`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.lineage import Reason, Revisit, finding, revisit
from gradtrace.diagnosis.evidence.ownership import owners
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, LeafKind, Severity, Trace
from gradtrace.model.location import same_place


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = revisit(trace)
    if found is not None and found.reason is Reason.ONCE:
        message = f"{found.name} is computed once, but every iteration runs backward through it"
        yield finding("graph-built-once", found, message, _repair(trace, found))
    if found is not None and found.reason is Reason.CACHED:
        yield finding(
            "graph-built-once",
            found,
            "`parametrize.cached()` keeps weights over several passes, and the first frees their graph",
            "Open `parametrize.cached()` around one forward pass and its backward, not around the loop.",
        )


def _repair(trace: Trace, found: Revisit) -> str:
    """Compute it anew if it is trained; else keep the value alone, or make it the parameter."""
    held = owners(trace)
    if any(leaf.id in held for leaf in found.leaves) or not held:
        return "Move this computation into the loop, so that every iteration has its own graph."
    is_made_here = all(same_place(leaf.location, found.carried.location) for leaf in found.leaves)
    if is_made_here and any(leaf.kind is LeafKind.PARAMETER for leaf in found.leaves):
        return (
            "Make the result the parameter: `nn.Parameter(...)` around the whole expression. No optimizer holds it now."
        )
    return (
        "No optimizer trains what it is computed from: keep `.detach()` of it, or move this computation into the loop."
    )


RULE = Rule(
    name="graph-built-once",
    severity=Severity.ERROR,
    summary="A part of the graph is computed once and used in every iteration.",
    check=check,
    page=__doc__ or "",
)

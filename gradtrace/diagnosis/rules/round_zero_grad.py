"""Rounding stops every gradient: its derivative is zero.

## What it does

Looks for round, floor, ceil, trunc and sign between a leaf and the loss.

## Why is this bad?

Their derivative is zero wherever it exists: leaves above get exact zeros and never move.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
w = nn.Parameter(torch.randn(3))
opt = torch.optim.SGD([w], lr=0.1)
for _ in range(2):
    opt.zero_grad()
    (torch.round(w * 8) / 8 - 1).pow(2).sum().backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
w = nn.Parameter(torch.randn(3))
opt = torch.optim.SGD([w], lr=0.1)
for _ in range(2):
    opt.zero_grad()
    wq = w + (torch.round(w * 8) / 8 - w).detach()
    (wq - 1).pow(2).sum().backward()
    opt.step()
```

## How it is detected

Such a node received a gradient that is not zero, and in every pass a leaf above it got exact zeros.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.ownership import above, called, zero_leaves
from gradtrace.diagnosis.evidence.shapes import leading_to
from gradtrace.diagnosis.rule import Rule
from gradtrace.formulas import traits
from gradtrace.model import Finding, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield one finding for each line that rounds gradients away."""
    dead = zero_leaves(trace)
    seen: set[tuple[str, int]] = set()
    for backward in trace.passes:
        if backward.graph is None:
            continue
        starving = leading_to(backward.graph, frozenset(dead)) if dead else set()
        for node in backward.graph.nodes:
            if not traits.of(node).is_flat or node.received is None or not node.received.norm:
                continue
            place = node.location
            key = ("", 0) if place is None else place.source_line
            if node.id in starving and key not in seen:
                seen.add(key)
                leaves = dead.intersection(above(backward.graph, node.id))
                yield Finding(
                    "round-zero-grad",
                    Severity.WARNING,
                    f"only zeros reach {called(trace.leaves[one] for one in sorted(leaves))}: "
                    f"`{node.op}` has derivative zero",
                    place,
                    help="Use a straight-through estimator: `x + (x.round() - x).detach()`.",
                    leaves=tuple(sorted(leaves)),
                    passes=(backward.index,),
                )


RULE = Rule(
    name="round-zero-grad",
    severity=Severity.WARNING,
    summary="Rounding stops every gradient: its derivative is zero.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM), need(Tensors.LEAVES, Statistic.NORM)),
)

"""Two steps move the same parameters along one gradient.

## What it does

Looks for parameters that two optimizers hold and step one after the other, with no pass in between.

## Why is this bad?

The parameters move twice along the same gradient, with both learning rates: the second step is based on a gradient that
belongs to where they were before the first.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
body, head = nn.Linear(3, 4), nn.Linear(4, 1)
body_opt = torch.optim.SGD(body.parameters(), lr=0.05)
all_opt = torch.optim.SGD([*body.parameters(), *head.parameters()], lr=0.05)
for step in range(3):
    body_opt.zero_grad()
    all_opt.zero_grad()
    head(body(torch.randn(8, 3))).pow(2).mean().backward()
    body_opt.step()
    all_opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
body, head = nn.Linear(3, 4), nn.Linear(4, 1)
body_opt = torch.optim.SGD(body.parameters(), lr=0.05)
head_opt = torch.optim.SGD(head.parameters(), lr=0.05)
for step in range(3):
    body_opt.zero_grad()
    head_opt.zero_grad()
    head(body(torch.randn(8, 3))).pow(2).mean().backward()
    body_opt.step()
    head_opt.step()
```

## How it is detected

A step moves parameters from where another step had left them, at another line or of another optimizer, and no pass and
nothing else has touched their gradients in between. It fires when that happens more than once. An optimizer that wraps
another begins where the wrapped one began: that is one step. One whose groups have no `lr`, such as a step that only
decays or projects, follows no gradient.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.evidence.stepped_twice import SteppedTwice, stepped_twice
from gradtrace.diagnosis.evidence.timeline import quoted
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, RelatedLocation, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each pair of lines that step so."""
    for twice in stepped_twice(trace):
        first, second = twice.first, twice.second
        is_one_line = first.optimizer == second.optimizer and first.location == second.location
        if twice.count > 1 and not is_one_line:
            yield _finding(trace, twice)


def _finding(trace: Trace, twice: SteppedTwice) -> Finding:
    first, second = twice.first, twice.second
    optimizer, other = trace.optimizers[second.optimizer], trace.optimizers[first.optimizer]
    leaves = tuple(twice.leaves)
    name = called(trace.leaves[leaf] for leaf in leaves)
    who = f"{quoted(optimizer)} moves" if optimizer.id != other.id else "a second step() moves"
    related = []
    if first.location is not None:
        related.append(RelatedLocation(first.location, f"{quoted(other)} has used the same gradient already"))
    if optimizer.id != other.id:
        related += [
            RelatedLocation(one.location, f"{quoted(one)} holds them")
            for one in (other, optimizer)
            if one.location is not None
        ]
    remedy = "Step once for each backward."
    if optimizer.id != other.id:
        remedy = f"Give each parameter to one optimizer: leave these out of {quoted(optimizer)} or of {quoted(other)}."
    return Finding(
        "stepped-twice",
        Severity.WARNING,
        f"{who} {name} again, along the same gradient",
        second.location or first.location,
        tuple(related),
        remedy,
        leaves,
    )


RULE = Rule(
    name="stepped-twice",
    severity=Severity.WARNING,
    summary="Two steps move the same parameters along one gradient.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)

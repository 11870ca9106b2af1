"""A term of the loss is a Python number and has no gradient.

## What it does

Looks for `.item()`, `float()`, `.tolist()` and `.numpy()` of values that parameters have a part in and that are added
to the loss.

## Why is this bad?

A number has no history: the term changes the value of the loss and none of its gradients.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(8, 3)
for _ in range(3):
    opt.zero_grad()
    penalty = model.weight.pow(2).sum().item()
    loss = model(x).pow(2).mean() + 0.01 * penalty
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(8, 3)
for _ in range(3):
    opt.zero_grad()
    penalty = model.weight.pow(2).sum()
    loss = model(x).pow(2).mean() + 0.01 * penalty
    loss.backward()
    opt.step()
```

## How it is detected

A scalar of the graph is the sum of one value with a history and a constant, and the constant is the number: the line
that adds them makes it, or names what it was assigned to, with no other value given to that name in between. A number
that stands in an f-string, in the arguments of `print` or in a log reaches no sum.

## Known problems

Numbers that are multiplied are taken as weights, and meant.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.analysis.source_slice import becomes_number
from gradtrace.diagnosis.evidence.cut_points import Reason, added, complaint, finding, losses
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CutKind, Finding, Location, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each number that is added to a loss, or that costs a leaf its only gradient."""
    for loss in losses(trace):
        if loss.reason is Reason.NUMBER:
            yield finding(
                "item-in-loss",
                loss,
                Severity.WARNING,
                f"{complaint(loss)}: `{loss.cut.call}` makes a number without history",
                "Keep the value a tensor: remove `.item()` or `float()`.",
            )
    for cut in trace.cuts:
        if cut.location is not None and _makes_numbers(cut.kind, cut.location):
            place = next((one for backward in trace.passes for one in added(trace, backward, cut)), None)
            if place is not None:
                yield Finding(
                    "item-in-loss",
                    Severity.WARNING,
                    f"{cut.name or 'a term'} is added to the loss as a number: it has no gradient",
                    cut.location,
                    (RelatedLocation(place, "it is added here, as a constant"),),
                    "Keep the value a tensor: remove `.item()` or `float()`."
                    if cut.kind in _NUMBERS
                    else f"Keep the value a tensor of the graph: remove `{cut.call}`, and compute it with torch.",
                    cut.leaves,
                )


def _makes_numbers(kind: str, place: Location) -> bool:
    return kind in _NUMBERS | _LISTS or (kind == CutKind.DETACH and becomes_number(place))


_NUMBERS = frozenset({CutKind.ITEM, CutKind.NUMBER})
_LISTS = frozenset({CutKind.TOLIST, CutKind.NUMPY})


RULE = Rule(
    name="item-in-loss",
    severity=Severity.WARNING,
    summary="A term of the loss is a Python number and has no gradient.",
    check=check,
    page=__doc__ or "",
)

"""Gradients were switched off and never on again.

## What it does

Looks for a training step that worked before and now runs with gradients off.

## Why is this bad?

`torch.set_grad_enabled(False)` as a plain call stays in force for the rest of the program: the next backward fails.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
for epoch in range(2):
    loss = model(torch.randn(8, 4)).pow(2).mean()
    loss.backward()
    torch.set_grad_enabled(False)
    model(torch.randn(8, 4))
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
for epoch in range(2):
    loss = model(torch.randn(8, 4)).pow(2).mean()
    loss.backward()
    with torch.no_grad():
        model(torch.randn(8, 4))
```

## How it is detected

Backward fails for want of a graph, or parameters that an optimizer holds get nothing from any pass, and a line above
them ran while a statement `torch.set_grad_enabled(False)` was in force; or the line at which gradients are off made
nodes of an earlier pass.

## Known problems

It points at the call that switched gradients off only where a function that is still running made it, or where the
program has one such call; else at the first line that runs without gradients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gradtrace.diagnosis.evidence.cut_points import Reason, complaint, finding, losses
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Location, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such place."""
    for loss in losses(trace):
        if loss.reason is Reason.MODE_LEFT_OFF:
            found = finding(
                "grad-mode-left-off",
                loss,
                Severity.WARNING,
                f"{complaint(loss)}: gradients were switched off and not on again",
                "Use `with torch.no_grad():` or `with torch.set_grad_enabled(False):`, which restore the mode.",
            )
            switch = loss.cut.switch.location if loss.cut.switch is not None else None
            yield found if switch is None or loss.cut.location is None else _at(switch, found, loss.cut.location)


def _at(switch: Location, found: Finding, first: Location) -> Finding:
    """The finding, at the call that switched gradients off."""
    others = tuple(one for one in found.related if one.location != switch)
    here = RelatedLocation(first, "this is the first line that runs without gradients")
    return replace(found, location=switch, related=(here, *others))


RULE = Rule(
    name="grad-mode-left-off",
    severity=Severity.WARNING,
    summary="Gradients were switched off and never on again.",
    check=check,
    page=__doc__ or "",
)

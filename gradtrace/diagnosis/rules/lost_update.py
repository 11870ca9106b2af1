"""An update is given to a loop's variable, and the parameter stays as it is.

## What it does

Looks for `for p in parameters: p = p - lr * p.grad`.

## Why is this bad?

The assignment gives the name `p` another tensor, for one round of the loop. The parameter itself never changes: nothing
is trained.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
for step in range(4):
    loss = model(torch.randn(8, 3)).pow(2).mean()
    model.zero_grad()
    loss.backward()
    for p in model.parameters():
        p = p - 0.1 * p.grad
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
for step in range(4):
    loss = model(torch.randn(8, 3)).pow(2).mean()
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p -= 0.1 * p.grad
```

## How it is detected

A line reads the `.grad` of parameters through a loop's variable and assigns the result to this variable, which the loop
assigns anew before anything reads it; and none of these parameters moved from one recorded pass to the next.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.hand_updates import LostUpdate, lost_updates
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each line that loses updates."""
    for found in lost_updates(trace):
        name = found.use.in_vain
        yield Finding(
            "lost-update",
            Severity.ERROR,
            f"`{name} = ...` is lost after the loop's round: nothing moves {_called(trace, found)}",
            found.use.location,
            (),
            f"Write into the parameter: `with torch.no_grad(): {name} -= lr * {name}.grad`.",
            found.leaves,
        )


def _called(trace: Trace, found: LostUpdate) -> str:
    return called(trace.leaves[one] for one in found.leaves)


RULE = Rule(
    name="lost-update",
    severity=Severity.ERROR,
    summary="An update is given to a loop's variable, and the parameter stays as it is.",
    check=check,
    page=__doc__ or "",
)

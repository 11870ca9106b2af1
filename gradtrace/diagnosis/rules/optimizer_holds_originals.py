"""An optimizer holds parameters that no pass reaches, because the loss is computed from copies of them.

## What it does

Looks for optimizers none of whose parameters takes part in any pass, while tensors of the same shapes, which no
optimizer holds, get the gradients.

## Why is this bad?

Every step of the optimizer finds nothing: nothing is trained. `copy.deepcopy`, `stack_module_state`, a rebuilt module
and `load_state_dict` make new tensors that no graph links to the old ones.

## Example

```python
import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 2)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    adapted = copy.deepcopy(model)
    loss = adapted(torch.randn(8, 3)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 2)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    adapted = dict(model.named_parameters())
    loss = torch.func.functional_call(model, adapted, torch.randn(8, 3)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## How it is detected

The optimizer steps; all its parameters still belong to the program, and none of them is part of the graph of any pass.
For each there is a tensor that gets gradients, that no optimizer holds, and that has its shape or is a stack of such
shapes.

## Known problems

A program whose optimizer holds some parameters that are used and some that are not is told by other rules.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.timeline import quoted
from gradtrace.diagnosis.evidence.unlinked_copies import UnlinkedCopies, unlinked_copies
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, Location, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that trains nothing."""
    for found in unlinked_copies(trace):
        copy = found.copies[0]
        made = copy.location
        place = made or found.optimizer.location or copy.stored
        related = []
        if place is made and found.optimizer.location is not None:
            who = f"{quoted(found.optimizer)} is given the originals, which no pass reaches"
            related.append(RelatedLocation(found.optimizer.location, who))
        step = _step(trace, found)
        if step is not None:
            related.append(RelatedLocation(step, "step() finds no gradient"))
        yield Finding(
            "optimizer-holds-originals",
            Severity.ERROR if len({leaf.shape for leaf in found.originals}) > 1 else Severity.WARNING,
            f"copies of what {quoted(found.optimizer)} holds get the gradients, and nothing is trained",
            place,
            tuple(related),
            "Give the optimizer the tensors that the loss is computed from, or compute it from the originals, as "
            "`torch.func.functional_call` does.",
            tuple(leaf.id for leaf in (*found.originals, *found.copies)),
        )


def _step(trace: Trace, found: UnlinkedCopies) -> Location | None:
    """Where the optimizer steps first."""
    steps = (event for event in trace.events if event.kind == EventKind.STEP and event.optimizer == found.optimizer.id)
    return next((event.location for event in steps if event.location is not None), None)


RULE = Rule(
    name="optimizer-holds-originals",
    severity=Severity.ERROR,
    summary="An optimizer holds parameters whose copies get the gradients.",
    check=check,
    page=__doc__ or "",
)

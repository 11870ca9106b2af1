"""Two parameters share one `.grad` tensor, which is then zeroed.

## What it does

Looks for `q.grad = p.grad` followed by an in-place change of `p.grad` before step() uses `q.grad`.

## Why is this bad?

Both names stand for one tensor: zeroing one empties the other, and step() does nothing.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
import copy

shared = nn.Linear(3, 1)
worker = copy.deepcopy(shared)
opt = torch.optim.SGD(shared.parameters(), lr=0.1)
for _ in range(2):
    worker(torch.randn(4, 3)).sum().backward()
    for p, q in zip(worker.parameters(), shared.parameters()):
        q.grad = p.grad
    worker.zero_grad(set_to_none=False)
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
import copy

shared = nn.Linear(3, 1)
worker = copy.deepcopy(shared)
opt = torch.optim.SGD(shared.parameters(), lr=0.1)
for _ in range(2):
    worker(torch.randn(4, 3)).sum().backward()
    for p, q in zip(worker.parameters(), shared.parameters()):
        q.grad = p.grad.clone()
    worker.zero_grad(set_to_none=False)
    opt.step()
```

## How it is detected

`.grad` of leaves is assigned from another `.grad` by a line that copies nothing, and those of other leaves, which
passes had filled, are set to zero in place before the next step.

## Known problems

Assignments through a variable in between are not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradtrace.analysis.by_value import empties_in_place
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, RelatedLocation, Severity, Trace

_SHARES = re.compile(r"\.grad\s*=\s*[\w.\[\]]+\.grad\s*(#.*)?$")


def check(trace: Trace) -> Iterator[Finding]:
    """Yield one finding for each line that shares gradients which are then zeroed."""
    seen: set[tuple[str, int]] = set()
    for number, event in enumerate(trace.events):
        place = event.location
        if event.kind != EventKind.GRAD_MODIFIED or place is None or place.source_line in seen:
            continue
        if not event.is_assignment or not _SHARES.search(place.text):
            continue
        for later in trace.events[number + 1 :]:
            if later.kind == EventKind.STEP:
                break
            if empties_in_place(later) and not set(event.leaves) & set(later.leaves):
                seen.add(place.source_line)
                yield Finding(
                    "grad-shared-between-models",
                    Severity.ERROR,
                    f"zeroing another .grad empties that of {called(trace.leaves[one] for one in event.leaves)} too",
                    place,
                    () if later.location is None else (RelatedLocation(later.location, "this empties both"),),
                    "Copy it: `q.grad = p.grad.clone()`.",
                    event.leaves,
                )
                break


RULE = Rule(
    name="grad-shared-between-models",
    severity=Severity.ERROR,
    summary="Two parameters share one `.grad` tensor, which is then zeroed.",
    check=check,
    page=__doc__ or "",
)

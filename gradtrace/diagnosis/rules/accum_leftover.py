"""The last passes of an epoch are left in `.grad` and leak into the next group.

## What it does

Looks for gradient accumulation in which some groups are larger than the others, because the end of an epoch left a
part of a group behind.

## Why is this bad?

The next group then sums too many batches, some of them from before the last update; at the very end they are lost.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(16, 3), torch.randn(16, 1)
batches = [(torch.randn(4, 3), torch.randn(4, 1)) for _ in range(10)]
for epoch in range(2):
    for i, (x, y) in enumerate(batches, 1):
        loss = nn.functional.mse_loss(model(x), y) / 4
        loss.backward()
        if i % 4 == 0:
            opt.step()
            opt.zero_grad()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(16, 3), torch.randn(16, 1)
batches = [(torch.randn(4, 3), torch.randn(4, 1)) for _ in range(10)]
for epoch in range(2):
    for i, (x, y) in enumerate(batches, 1):
        loss = nn.functional.mse_loss(model(x), y) / 4
        loss.backward()
        if i % 4 == 0 or i == len(batches):
            opt.step()
            opt.zero_grad()
```

## How it is detected

The ledger of every leaf is cut into cycles, from one step() of its optimizer to the next; each cycle lists the passes
that added to `.grad` and what cleared or changed it. It fires when most steps use N passes from one line (N is two or
more) and some use more than N and less than 2 N.

## Known problems

A part of a group that is left at the very end only, and never used, is not reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gradtrace.diagnosis.evidence.timeline import cycles, never_cleared, stepped
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, RelatedLocation, Severity, Trace
from gradtrace.model.location import same_place
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer some of whose groups are too large."""
    for history in cycles(trace):
        steps = stepped(history)
        windows = [cycle.window() for cycle, _ in steps]
        sizes = [len(window) for window in windows]
        usual = Counter(sizes).most_common(1)[0][0]
        added = [event for window in windows for event in window]
        if usual < 2 or history[0].optimizer.type == "LBFGS" or never_cleared(trace, history):  # noqa: PLR2004  one is no group
            continue
        if not all(same_place(event.location, added[0].location) for event in added):
            continue
        larger = [size for size in sizes if size > usual]
        if not larger or min(sizes) < usual or max(larger) >= 2 * usual:
            continue
        place = steps[0][1].location
        yield Finding(
            "accum-leftover",
            Severity.WARNING,
            f"some steps use {max(larger)} passes instead of {usual}: a part of a group was left in `.grad`",
            added[0].location,
            () if place is None else (RelatedLocation(place, f"usually after {usual} passes"),),
            "Step and clear at the end of each epoch too, also when the group is not full.",
            tuple(sorted(history[0].leaves)),
        )


RULE = Rule(
    name="accum-leftover",
    severity=Severity.WARNING,
    summary="The last passes of an epoch are left in `.grad` and leak into the next group.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)

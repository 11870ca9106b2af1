"""`requires_grad_()` on the loss silences the error that it has no graph.

## What it does

Looks for passes whose root is a leaf because the program switched `requires_grad` on for it.

## Why is this bad?

backward() then runs over nothing: no parameter gets a gradient, and the error that would have said so is gone.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 2)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    loss = (model(torch.randn(4, 3)).argmax(dim=1) != 1).float().mean()
    loss.requires_grad_(True)
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
for _ in range(3):
    opt.zero_grad()
    loss = nn.functional.cross_entropy(model(torch.randn(4, 3)), torch.ones(4, dtype=torch.long))
    loss.backward()
    opt.step()
```

## How it is detected

The root of a pass is a leaf, and an event says where `requires_grad` was switched on for it.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import is_forced, root_leaf
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CutKind, EventKind, Finding, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield one finding for the passes that start at a forced leaf."""
    for backward in trace.passes:
        if not is_forced(backward) or not (trace.cuts or trace.optimizers):
            continue
        leaf = root_leaf(backward)
        switch = next(
            (
                event
                for event in trace.events
                if event.kind == EventKind.REQUIRES_GRAD and leaf in event.leaves and event.requires_grad
            ),
            None,
        )
        if switch is not None:
            cuts = [
                cut for cut in trace.cuts if cut.kind not in {CutKind.ITEM, CutKind.NUMBER} and cut.location is not None
            ]
            yield Finding(
                "requires-grad-forced",
                Severity.ERROR,
                f"backward from {trace.leaves[leaf].name} reaches no parameter: it has no graph",
                switch.location,
                tuple(RelatedLocation(cut.location, "the graph ends here") for cut in cuts[:1] if cut.location),
                "Remove `requires_grad_()` and compute the loss from differentiable operations.",
                (leaf,),
                (backward.index,),
            )
            return


RULE = Rule(
    name="requires-grad-forced",
    severity=Severity.ERROR,
    summary="`requires_grad_()` on the loss silences the error that it has no graph.",
    check=check,
    page=__doc__ or "",
)

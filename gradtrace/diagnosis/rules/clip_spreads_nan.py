"""Clipping spreads one NaN to every gradient.

## What it does

Looks for `clip_grad_norm_` after a pass in which some gradients are finite and others are not, and a step that uses
them.

## Why is this bad?

The total norm is NaN or infinite, and every gradient is multiplied with it: one bad parameter becomes all of them.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.zeros(2))
opt = torch.optim.SGD([a, b], lr=0.1)
opt.zero_grad()
loss = a.sum() + (b * b).sum().sqrt()
loss.backward()
nn.utils.clip_grad_norm_([a, b], 1.0)
opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
a, b = nn.Parameter(torch.ones(2)), nn.Parameter(torch.zeros(2))
opt = torch.optim.SGD([a, b], lr=0.1)
opt.zero_grad()
loss = a.sum() + torch.linalg.vector_norm(b)
loss.backward()
nn.utils.clip_grad_norm_([a, b], 1.0)
opt.step()
```

## How it is detected

The event of clipping follows a pass whose contributions are partly finite and partly not, and a `step()` comes before
the gradients are cleared. A step that a `GradScaler` skips, or the program itself, uses nothing. `clip_grad_value_`
takes each element by itself, and spreads nothing.

## Known problems

`error_if_nonfinite=True` raises an error of its own before.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from gradtrace.diagnosis.evidence.errors import notes, of_pass
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.evidence.timeline import pass_of
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CLEARING, EventKind, Finding, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need

_VALUES = "value"
"""`clip_grad_value_` looks at each element alone."""


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for position, event in enumerate(trace.events):
        if not event.is_clipping or _VALUES in event.call:
            continue
        backward = pass_of(trace, event)
        given = [one for one in backward.accumulations if one.contribution is not None] if backward else []
        bad = [one for one in given if one.contribution is not None and one.contribution.is_finite is False]
        if bad and len(bad) < len(given) and _is_used(trace, position):
            names = called(trace.leaves[one.leaf] for one in bad)
            yield Finding(
                "clip-spreads-nan",
                Severity.WARNING,
                f"The gradient of {names} is not finite, and clipping makes all the others so",
                event.location,
                notes((backward.location if backward else None, "this pass gives the gradient that is not finite")),
                "Find what makes it so, and pass `error_if_nonfinite=True` to `clip_grad_norm_`.",
                tuple(one.leaf for one in bad),
                of_pass(backward),
            )
            return


def _is_used(trace: Trace, position: int) -> bool:
    """Whether a step uses what was clipped, before it is cleared and before another pass."""
    clipped = trace.events[position]
    for event in islice(trace.events, position + 1, None):
        if event.process != clipped.process or not set(clipped.leaves).intersection(event.leaves):
            continue
        if event.kind == EventKind.STEP:
            if event.step is None or not event.step.is_skipped:
                return True
        elif event.kind == EventKind.BACKWARD or event.kind in CLEARING:
            return False
    return False


RULE = Rule(
    name="clip-spreads-nan",
    severity=Severity.WARNING,
    summary="Clipping spreads one NaN to every gradient.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.FINITE),),
)

"""Gradients are clipped while a GradScaler still holds them scaled.

## What it does

Looks for `clip_grad_norm_` after `scaler.scale(loss).backward()` with no `scaler.unscale_(optimizer)` before it.

## Why is this bad?

The norm that is clipped is some 65536 times too large: after unscaling hardly anything is left of the update.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
scaler = torch.amp.GradScaler("cpu")
for step in range(3):
    opt.zero_grad()
    loss = model(torch.randn(8, 3)).pow(2).mean()
    scaler.scale(loss).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(opt)
    scaler.update()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
scaler = torch.amp.GradScaler("cpu")
for step in range(3):
    opt.zero_grad()
    loss = model(torch.randn(8, 3)).pow(2).mean()
    scaler.scale(loss).backward()
    scaler.unscale_(opt)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(opt)
    scaler.update()
```

## How it is detected

The ledger of every leaf is cut into cycles, from one step() of its optimizer to the next; each cycle lists the passes
that added to `.grad` and what cleared or changed it. It fires when gradients are clipped first and unscaled
afterwards, by `scaler.step` or `scaler.unscale_`. A program's own lines clip where they leave gradients of one norm,
step after step, whatever norm they had.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.analysis.outcome import UNSCALES
from gradtrace.diagnosis.evidence.clipped_by_hand import clipper, clips
from gradtrace.diagnosis.evidence.timeline import Cycle, cycles, stepped
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Event, EventKind, Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer whose scaled gradients are clipped."""
    for history in cycles(trace):
        for cycle, _ in stepped(history):
            clip = _clipped_first(trace, cycle)
            if clip is not None:
                yield Finding(
                    "clip-before-unscale",
                    Severity.ERROR,
                    f"{clipper(clip)} clips gradients that are still scaled by the GradScaler",
                    clip.location,
                    help="Call `scaler.unscale_(optimizer)` before clipping.",
                    leaves=clip.leaves,
                )
                break


def _clipped_first(trace: Trace, cycle: Cycle) -> Event | None:
    """The clipping that comes before the unscaling."""
    clip = None
    for event in cycle.events:
        if event.kind == EventKind.BACKWARD:
            clip = None
        elif event.kind == EventKind.GRAD_MODIFIED and event.call in UNSCALES:
            return clip
        elif clips(trace, event):
            clip = event
    return None


RULE = Rule(
    name="clip-before-unscale",
    severity=Severity.ERROR,
    summary="Gradients are clipped while a GradScaler still holds them scaled.",
    check=check,
    page=__doc__ or "",
)

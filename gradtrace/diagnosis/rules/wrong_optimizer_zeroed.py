"""The gradients of one optimizer are cleared twice, those of another never.

## What it does

Looks for two `zero_grad()` of one optimizer in each of its cycles, while another optimizer's gradients pile up.

## Why is this bad?

Very likely one of the two calls was meant for the other optimizer, whose steps now use the sum of all gradients so
far.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
gen, disc = nn.Linear(2, 2), nn.Linear(2, 1)
opt_g = torch.optim.SGD(gen.parameters(), lr=0.01)
opt_d = torch.optim.SGD(disc.parameters(), lr=0.01)
for step in range(4):
    fake = gen(torch.randn(8, 2))
    opt_g.zero_grad()
    d_loss = disc(fake.detach()).mean() - disc(torch.randn(8, 2)).mean()
    d_loss.backward()
    opt_d.step()
    opt_g.zero_grad()
    g_loss = -disc(gen(torch.randn(8, 2))).mean()
    g_loss.backward()
    opt_g.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
gen, disc = nn.Linear(2, 2), nn.Linear(2, 1)
opt_g = torch.optim.SGD(gen.parameters(), lr=0.01)
opt_d = torch.optim.SGD(disc.parameters(), lr=0.01)
for step in range(4):
    fake = gen(torch.randn(8, 2))
    opt_d.zero_grad()
    d_loss = disc(fake.detach()).mean() - disc(torch.randn(8, 2)).mean()
    d_loss.backward()
    opt_d.step()
    opt_g.zero_grad()
    g_loss = -disc(gen(torch.randn(8, 2))).mean()
    g_loss.backward()
    opt_g.step()
```

## How it is detected

The ledger of every leaf is cut into cycles, from one step() of its optimizer to the next; each cycle lists the passes
that added to `.grad` and what cleared or changed it. It fires when one optimizer's leaves are never cleared and
another's are cleared at two places in each cycle.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.timeline import cycles, is_zeroed_elsewhere, never_cleared, optimizer_name
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, RelatedLocation, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that another one's `zero_grad()` was meant for."""
    for history in cycles(trace):
        leaves = never_cleared(trace, history)
        if not leaves or not is_zeroed_elsewhere(trace, history, leaves):
            continue
        added = next(event for event in history[0].additions() if leaves.intersection(event.leaves))
        wrong = next(
            (
                event
                for event in reversed(trace.events[: added.order])
                if event.kind == EventKind.ZERO_GRAD and not leaves.intersection(event.leaves)
            ),
            None,
        )
        meant = optimizer_name(history[0].optimizer)
        called_on = "another optimizer"
        if wrong is not None and wrong.optimizer is not None:
            called_on = optimizer_name(trace.optimizers[wrong.optimizer])
        related = []
        if added.location is not None:
            related.append(RelatedLocation(added.location, f"this adds to gradients that {meant} never clears"))
        yield Finding(
            "wrong-optimizer-zeroed",
            Severity.ERROR,
            f"{called_on} is zeroed twice and {meant} never",
            added.location if wrong is None else wrong.location,
            tuple(related),
            f"Write `{meant}.zero_grad()` before the backward whose gradients {meant} uses.",
            tuple(sorted(leaves)),
        )


RULE = Rule(
    name="wrong-optimizer-zeroed",
    severity=Severity.ERROR,
    summary="The gradients of one optimizer are cleared twice, those of another never.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)

"""One network's loss leaves gradients in another that its next step uses too.

## What it does

Looks for optimizers whose step uses, besides their own pass, what an earlier pass for another optimizer left behind.

## Why is this bad?

In a GAN, the discriminator's loss on `disc(fake)` also reaches the generator: its next step follows the wrong loss
too.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
gen, disc = nn.Linear(2, 2), nn.Linear(2, 1)
opt_g = torch.optim.SGD(gen.parameters(), lr=0.01)
opt_d = torch.optim.SGD(disc.parameters(), lr=0.01)
for step in range(4):
    opt_g.zero_grad()
    opt_d.zero_grad()
    fake = gen(torch.randn(8, 2))
    d_loss = disc(fake).mean() - disc(torch.randn(8, 2)).mean()
    d_loss.backward()
    opt_d.step()
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
that added to `.grad` and what cleared or changed it. It fires when, in every cycle, a step uses passes of two
different lines and another optimizer, which the earlier one fed too, stepped between them.

## Known problems

Gradients that another loss leaves and that are cleared before they are used only waste time, and are not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.timeline import Cycle, cycles, never_cleared, optimizer_name, same_place, stepped
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Event, EventKind, Finding, RelatedLocation, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that uses what another one's pass left."""
    for history in cycles(trace):
        found = [_leftover(trace, cycle, step) for cycle, step in stepped(history)]
        if len(found) < 2 or any(one is None for one in found) or never_cleared(trace, history):  # noqa: PLR2004
            continue
        first = found[0]
        if first is None:
            continue
        foreign, own = first
        name = optimizer_name(history[0].optimizer)
        yield Finding(
            "fake-not-detached",
            Severity.WARNING,
            f"{name} also uses gradients of a loss that another optimizer trains on",
            foreign.location,
            () if own.location is None else (RelatedLocation(own.location, f"the pass that {name} is meant to use"),),
            "Detach what the other network is given (`disc(fake.detach())`), or clear gradients before this pass.",
            tuple(sorted(history[0].leaves.intersection(foreign.leaves))),
        )


def _leftover(trace: Trace, cycle: Cycle, step: Event) -> tuple[Event, Event] | None:
    """The pass for another optimizer and the own one whose sum the step uses."""
    window = cycle.window()
    if not window or cycle.leaves.isdisjoint(step.leaves):
        return None
    own = window[-1]
    for foreign in window[:-1]:
        if same_place(foreign.location, own.location):
            continue
        for event in trace.events[foreign.order + 1 : own.order]:
            if event.kind == EventKind.STEP and event.optimizer != step.optimizer:
                others = set(event.leaves) - cycle.leaves
                if others and others.issubset(foreign.leaves):
                    return foreign, own
    return None


RULE = Rule(
    name="fake-not-detached",
    severity=Severity.WARNING,
    summary="One network's loss leaves gradients in another that its next step uses too.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)

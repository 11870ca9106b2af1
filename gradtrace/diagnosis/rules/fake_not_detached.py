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
that added to `.grad` and what cleared or changed it. It fires when, more than once, a step uses passes of two different
lines and another optimizer, which the earlier one fed too, stepped between them. Where another optimizer steps along
the later pass as well, the parameters are shared, and collect from both. So it does where the other optimizer's
gradients alone are cleared between two passes that reach both, and the other one then steps along the later pass.

## Known problems

Gradients that another loss leaves and that are cleared before they are used only waste time, and are not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.analysis.topology import reachable
from gradtrace.diagnosis.evidence.ownership import consumers
from gradtrace.diagnosis.evidence.shapes import adjacency
from gradtrace.diagnosis.evidence.timeline import (
    Cycle,
    cycles,
    never_cleared,
    optimizer_name,
    pass_of,
    stepped,
)
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CLEARING, BackwardPass, Event, EventKind, Finding, RelatedLocation, Severity, Trace
from gradtrace.model.location import same_place
from gradtrace.model.needs import Statistic, Tensors, need

_FEWEST = 2
"""Steps that use what another pass left: one may be how the run begins."""


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that uses what another one's pass left."""
    for history in cycles(trace):
        found = [one for cycle, step in stepped(history) if (one := _leftover(trace, cycle, step)) is not None]
        is_late = len(found) < _FEWEST
        if is_late:
            found = [one for cycle, step in stepped(history) if (one := _added_late(trace, cycle, step)) is not None]
        if len(found) < _FEWEST or never_cleared(trace, history):
            continue
        foreign, own, others = found[0]
        name, held = optimizer_name(history[0].optimizer), history[0].leaves
        clear = f"`{history[0].optimizer.name or 'optimizer'}.zero_grad()`"
        remedy = f"Detach what the other network is given (`disc(fake.detach())`), or call {clear} before this pass."
        if is_late:
            remedy = "Detach what the other network is given: `disc(fake.detach())`."
        elif _lies_between(pass_of(trace, foreign), held, others):
            remedy = f"Call {clear} right before the backward that it is meant to use, not only after its own step."
        yield Finding(
            "fake-not-detached",
            Severity.WARNING,
            f"{name} also uses gradients of a loss that another optimizer trains on",
            foreign.location,
            () if own.location is None else (RelatedLocation(own.location, f"the pass that {name} is meant to use"),),
            remedy,
            tuple(sorted(held.intersection(foreign.leaves))),
        )


def _leftover(trace: Trace, cycle: Cycle, step: Event) -> tuple[Event, Event, frozenset[int]] | None:
    """The pass for another optimizer and the own one whose sum the step uses, and what the other one trains."""
    window = cycle.window()
    if not window or cycle.leaves.isdisjoint(step.leaves):
        return None
    own = window[-1]
    if any(_trained_elsewhere(event, own, step, cycle) for event in trace.events[own.order + 1 : step.order]):
        return None  # both passes train others too: a part that they share collects from each
    for foreign in window[:-1]:
        if same_place(foreign.location, own.location):
            continue
        for event in trace.events[foreign.order + 1 : own.order]:
            others = _trained_elsewhere(event, foreign, step, cycle)
            if others:
                return foreign, own, others
    return None


def _added_late(trace: Trace, cycle: Cycle, step: Event) -> tuple[Event, Event, frozenset[int]] | None:
    """The same where both optimizers step at the end: only the other one's gradients are cleared between the passes."""
    window = cycle.window()
    if not window or cycle.leaves.isdisjoint(step.leaves):
        return None
    own, foreign = window[0], window[-1]
    if same_place(foreign.location, own.location):
        return None
    others: set[int] = set()
    for event in trace.events[own.order + 1 : foreign.order]:
        if event.kind in CLEARING:
            others.update(event.leaves)
    others &= set(own.leaves) & set(foreign.leaves) - cycle.leaves
    for event in trace.events[foreign.order + 1 :] if others else ():
        if event.kind == EventKind.STEP and others.intersection(event.leaves):
            return foreign, own, frozenset(others)
        if event.kind in CLEARING or event.kind == EventKind.BACKWARD:
            break
    return None


def _trained_elsewhere(event: Event, backward: Event, step: Event, cycle: Cycle) -> frozenset[int]:
    """The leaves that an event steps for another optimizer, if a pass reached all of them."""
    if event.kind != EventKind.STEP or event.optimizer == step.optimizer:
        return frozenset()
    others = frozenset(event.leaves) - cycle.leaves
    return others if others.issubset(backward.leaves) else frozenset()


def _lies_between(foreign: BackwardPass | None, held: frozenset[int], others: frozenset[int]) -> bool:
    """Whether gradients come to the other network through this one, so that detaching would keep them from it."""
    if foreign is None or foreign.graph is None:
        return False
    users = [node for leaf in held for node in consumers(foreign, leaf)]
    below = reachable(foreign.graph, users, adjacency(foreign.graph))
    return any(node.leaf in others for number in below if (node := foreign.graph.nodes[number]).leaf is not None)


RULE = Rule(
    name="fake-not-detached",
    severity=Severity.WARNING,
    summary="One network's loss leaves gradients in another that its next step uses too.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)

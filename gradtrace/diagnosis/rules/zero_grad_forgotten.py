"""Gradients pile up over steps because nothing clears them.

## What it does

Looks for parameters to which every backward adds although step() has already used what is there, and whose `.grad`
nothing clears in between.

## Why is this bad?

PyTorch adds to `.grad`. Without clearing, each step uses the sum of all gradients so far: the loss oscillates or
diverges, and nothing is raised.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(16, 3), torch.randn(16, 1)
for step in range(4):
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(16, 3), torch.randn(16, 1)
for step in range(4):
    opt.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    opt.step()
```

## How it is detected

The ledger of every leaf is cut into cycles, from one step() of its optimizer to the next; each cycle lists the passes
that added to `.grad` and what cleared or changed it. It fires when a leaf that step() used gets more added and is
used again, and is cleared in no cycle. What clears is told by value: a pass found None or zeros where an earlier one
had left something else, however the program did it.

Where no optimizer steps, each leaf is compared from one recorded pass to the next: it fires when the leaf moved along
what its `.grad` held, more than once, whoever wrote that, and no pass found it empty.

A program that makes `.grad` smaller each time before a pass adds to it keeps its momentum there: nothing is said.

## Known problems

Updates by hand of leaves that need more than 64 MB together are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.hand_updates import PiledUp, piled_up
from gradtrace.diagnosis.evidence.ownership import called, is_named
from gradtrace.diagnosis.evidence.timeline import Cycle, cycles, is_zeroed_elsewhere, never_cleared, stepped
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, RelatedLocation, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer whose leaves are never cleared, and one for leaves that are moved by hand."""
    for history in cycles(trace):
        leaves = never_cleared(trace, history)
        if leaves and not is_zeroed_elsewhere(trace, history, leaves):
            yield _finding(trace, history, leaves)
    by_hand = piled_up(trace)
    if by_hand is not None:
        yield _finding_by_hand(trace, by_hand)


def _finding(trace: Trace, history: tuple[Cycle, ...], leaves: frozenset[int]) -> Finding:
    added = [event for cycle in history for event in cycle.additions() if leaves.intersection(event.leaves)]
    steps = stepped(history)
    again = added[1] if len(added) > 1 else added[0]
    related: tuple[RelatedLocation, ...] = ()
    step = steps[0][1]
    if step.location is not None:
        related = (RelatedLocation(step.location, f"{step.call or 'step'}() uses the sum of all passes so far"),)
    name = history[0].optimizer.name or "optimizer"
    where = "inside the closure, before backward" if history[0].optimizer.type == "LBFGS" else "before each backward"
    return Finding(
        "zero-grad-forgotten",
        Severity.ERROR,
        f"gradients of {called(trace.leaves[one] for one in sorted(leaves))} are never cleared between steps",
        again.location,
        related,
        f"Call `{name}.zero_grad()` {where}: PyTorch adds to `.grad`.",
        tuple(sorted(leaves)),
        tuple(event.pass_index for event in added[1:]),
    )


def _finding_by_hand(trace: Trace, found: PiledUp) -> Finding:
    leaf = trace.leaves[found.leaves[0]]
    name = leaf.name if is_named(leaf) else "p"
    related: tuple[RelatedLocation, ...] = ()
    if found.use is not None:
        related = (RelatedLocation(found.use, "this uses the sum of all passes so far"),)
    return Finding(
        "zero-grad-forgotten",
        Severity.ERROR if found.is_straight else Severity.WARNING,
        f"gradients of {called(trace.leaves[one] for one in found.leaves)} are never cleared between updates",
        found.again.location,
        related,
        f"Clear each after its update, as in `{name}.grad = None`: PyTorch adds to `.grad`.",
        found.leaves,
        found.passes,
    )


RULE = Rule(
    name="zero-grad-forgotten",
    severity=Severity.ERROR,
    summary="Gradients pile up over steps because nothing clears them.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)

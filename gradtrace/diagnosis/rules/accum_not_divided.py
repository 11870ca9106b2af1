"""Gradients of several mean losses add up without being divided.

## What it does

Looks for gradient accumulation: the same number of passes from one line before each step, each from a plain mean.

## Why is this bad?

The sum of N means is N times the gradient of the whole batch: the learning rate is N times what was meant.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)
x, y = torch.randn(16, 3), torch.randn(16, 1)
batches = [(torch.randn(4, 3), torch.randn(4, 1)) for _ in range(8)]
for epoch in range(2):
    for i, (x, y) in enumerate(batches, 1):
        loss = nn.functional.mse_loss(model(x), y)
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
batches = [(torch.randn(4, 3), torch.randn(4, 1)) for _ in range(8)]
for epoch in range(2):
    for i, (x, y) in enumerate(batches, 1):
        loss = nn.functional.mse_loss(model(x), y) / 4
        loss.backward()
        if i % 4 == 0:
            opt.step()
            opt.zero_grad()
```

## How it is detected

The ledger of every leaf is cut into cycles, from one step() of its optimizer to the next; each cycle lists the passes
that added to `.grad` and what cleared or changed it. It fires when every step uses the same number of passes (two or
more) from one line and to the same leaves, each starting with 1 at a mean or at a loss of torch with reduction='mean',
when no optimizer steps between them, and nothing but clipping changes `.grad`. Losses of several heads reach different
leaves: their sum is meant.

## Known problems

Losses of one head on different tasks, each by the same line, look the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.analysis.ledger import ledger
from gradtrace.diagnosis.evidence.timeline import Cycle, cycles, never_cleared, pass_of, stepped
from gradtrace.diagnosis.rule import Rule
from gradtrace.formulas import traits
from gradtrace.model import BackwardPass, Event, EventKind, Finding, RelatedLocation, Severity, Trace
from gradtrace.model.location import same_place
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that uses sums of means."""
    for history in cycles(trace):
        steps = stepped(history)
        windows = [cycle.window() for cycle, _ in steps]
        size = len(windows[0])
        added = [event for window in windows for event in window]
        if history[0].optimizer.type == "LBFGS" or len(windows) < 2 or size < 2:  # noqa: PLR2004  two make a pattern
            continue
        if any(len(window) != size or not window for window in windows) or never_cleared(trace, history):
            continue
        if not all(same_place(event.location, added[0].location) and event.count == 1 for event in added):
            continue
        if not _is_split(trace, added) or _is_scaled(history):
            continue
        if not all(_is_mean(pass_of(trace, event)) for event in added):
            continue
        place = steps[0][1].location
        yield Finding(
            "accum-not-divided",
            Severity.WARNING,
            f"each step uses the sum of {size} mean losses: gradients are {size} times too large",
            added[0].location,
            () if place is None else (RelatedLocation(place, f"step() uses what {size} passes added up"),),
            f"Divide the loss: `(loss / {size}).backward()`.",
            tuple(sorted(history[0].leaves)),
        )


def _is_split(trace: Trace, added: list[Event]) -> bool:
    """Whether the passes that add up are parts of one batch: alike, and no optimizer steps between them."""
    verdicts = ledger(trace).verdicts
    return all(verdicts[leaf].is_split for leaf in {leaf for event in added for leaf in event.leaves})


def _is_scaled(history: tuple[Cycle, ...]) -> bool:
    """Whether something other than clipping changed the gradients."""
    return any(
        event.kind == EventKind.GRAD_MODIFIED and not event.is_clipping for cycle in history for event in cycle.events
    )


def _is_mean(backward: BackwardPass | None) -> bool:
    """Whether the pass starts with 1 at a mean."""
    if backward is None or backward.graph is None or len(backward.roots) != 1:
        return False
    root = backward.roots[0]
    if root.node is None or root.gradient is None or root.gradient.norm != 1:
        return False
    node = backward.graph.nodes[root.node]
    reduction = dict(node.arguments).get("reduction", "1")
    op = traits.of(node)
    return op.is_mean or (op.is_loss and reduction == "1")


RULE = Rule(
    name="accum-not-divided",
    severity=Severity.WARNING,
    summary="Gradients of several mean losses add up without being divided.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM), need(Tensors.LEAVES, Statistic.NORM)),
)

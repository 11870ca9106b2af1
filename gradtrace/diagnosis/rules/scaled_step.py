"""An optimizer steps along gradients that a GradScaler has scaled and nobody has unscaled.

## What it does

Looks for `scaler.scale(loss).backward()` followed by `optimizer.step()` instead of `scaler.step(optimizer)`.

## Why is this bad?

The gradients are as many times too large as the scaler's factor says, 65536 at first. Each step is that much too large,
and gradients that overflowed are used instead of being skipped.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.001)
scaler = torch.amp.GradScaler("cpu", init_scale=128.0)
for step in range(3):
    opt.zero_grad()
    loss = model(torch.randn(8, 3)).pow(2).mean()
    scaler.scale(loss).backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.001)
scaler = torch.amp.GradScaler("cpu", init_scale=128.0)
for step in range(3):
    opt.zero_grad()
    loss = model(torch.randn(8, 3)).pow(2).mean()
    scaler.scale(loss).backward()
    scaler.step(opt)
    scaler.update()
```

## How it is detected

A step that no scaler takes uses what a pass left in `.grad` that began at the result of `scaler.scale`, by a factor
other than 1, and nothing but clipping has changed these gradients in between.

## Known problems

A loss that is multiplied by hand is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.timeline import passes_by_index, quoted
from gradtrace.diagnosis.evidence.used_gradients import Share, uses
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import BackwardPass, Finding, Node, RelatedLocation, Severity, StepFact, Trace
from gradtrace.model.needs import Statistic, Tensors, need

_SCALES = "scale"
"""The method of torch's scaler that multiplies the loss."""


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that steps so."""
    told: set[int] = set()
    for use in uses(trace):
        step = use.step
        if step.scale is not None or step.is_skipped is not None or step.optimizer in told:
            continue
        scaled = {
            leaf: found
            for leaf, shares in use.shares.items()
            if (found := next((one for one in shares if not one.written and _factor(trace, one)), None)) is not None
        }
        if not scaled:
            continue
        told.add(step.optimizer)
        share = next(iter(scaled.values()))
        yield _finding(trace, step, share, tuple(scaled))


def _finding(trace: Trace, step: StepFact, share: Share, leaves: tuple[int, ...]) -> Finding:
    optimizer = trace.optimizers[step.optimizer]
    root = _root(_last(trace, share))
    scaled = (root.location if root is not None else None) or share.location
    factor = _factor(trace, share) or 1.0
    return Finding(
        "scaled-step",
        Severity.ERROR,
        f"{quoted(optimizer)} steps along gradients that are still scaled by {factor:g}",
        step.location or scaled,
        () if scaled is None or step.location is None else (RelatedLocation(scaled, "the loss is scaled here"),),
        f"Step through the scaler: `scaler.step({optimizer.name or 'optimizer'})` and then `scaler.update()`.",
        leaves,
    )


def _last(trace: Trace, share: Share) -> BackwardPass:
    return passes_by_index(trace)[share.last, share.process]


def _root(one: BackwardPass) -> Node | None:
    """The node at which a pass began, where there is one such."""
    if one.graph is None or len(one.roots) != 1 or one.roots[0].node is None:
        return None
    return one.graph.nodes[one.roots[0].node]


def _factor(trace: Trace, share: Share) -> float | None:
    """By what a scaler has multiplied the loss of the last pass of a share; None where none has, or by 1."""
    one = _last(trace, share)
    root = _root(one)
    if root is None or root.call != _SCALES or one.graph is None:
        return None
    begun = root.received
    sent = next((edge.sent for edge in one.graph.edges if edge.source == root.id and edge.sent is not None), None)
    if begun is None or sent is None or not begun.norm or sent.norm is None or sent.norm == begun.norm:
        return None
    return sent.norm / begun.norm


RULE = Rule(
    name="scaled-step",
    severity=Severity.ERROR,
    summary="An optimizer steps along gradients that a GradScaler has scaled.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM), need(Tensors.LEAVES, Statistic.NORM)),
)

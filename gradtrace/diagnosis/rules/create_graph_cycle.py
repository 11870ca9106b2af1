"""backward(create_graph=True) ties parameters to their gradients.

## What it does

Looks for `backward(create_graph=True)` in a loop that does not set `.grad` to None afterwards.

## Why is this bad?

The gradient has a graph that leads to the parameter, and the parameter holds the gradient: a cycle that keeps every
graph alive.

## Example

```python
import warnings

import torch

warnings.simplefilter("ignore")
w = torch.randn(3, requires_grad=True)
for _ in range(3):
    w.pow(3).sum().backward(create_graph=True)
```

## Use instead

```python
import torch

w = torch.randn(3, requires_grad=True)
for _ in range(3):
    (grad,) = torch.autograd.grad(w.pow(3).sum(), [w], create_graph=True)
    grad.pow(2).sum().backward()
```

## How it is detected

Two or more such passes ran at one line, and no event between them set the gradients to None.

## Known problems

A program that breaks the cycle in another way is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CLEARING, BackwardPass, Finding, PassCall, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    places: dict[tuple[str, int], list[BackwardPass]] = {}
    for backward in trace.passes:
        if backward.create_graph and backward.call != PassCall.AUTOGRAD_GRAD and backward.location is not None:
            places.setdefault(backward.location.source_line, []).append(backward)
    for passes in places.values():
        first, last = passes[0].index, passes[-1].index
        if last > first and not any(
            event.kind in CLEARING and event.set_to_none is not False and first <= event.pass_index
            for event in trace.events
        ):
            yield Finding(
                "create-graph-cycle",
                Severity.WARNING,
                "backward(create_graph=True) keeps every graph alive, because `.grad` holds it",
                passes[0].location,
                (),
                "Use `torch.autograd.grad(loss, params, create_graph=True)`, or set `.grad = None` after use.",
                (),
                (first,),
            )


RULE = Rule(
    name="create-graph-cycle",
    severity=Severity.WARNING,
    summary="backward(create_graph=True) ties parameters to their gradients.",
    check=check,
    page=__doc__ or "",
)

"""A variable holds `.grad` itself, not a copy, and changes with it.

## What it does

Looks for two variables that were given `.grad` at different times and are one tensor.

## Why is this bad?

`g = p.grad` copies nothing: clearing in place and the next backward change `g` as well. Comparing the two compares a
gradient with itself.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
trunk = nn.Linear(3, 1)
x = torch.randn(8, 3)
trunk(x).pow(2).mean().backward()
grad_a = trunk.weight.grad
trunk.weight.grad.zero_()
(trunk(x) - 1).pow(2).mean().backward()
grad_b = trunk.weight.grad
print(grad_a, grad_b)
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
trunk = nn.Linear(3, 1)
x = torch.randn(8, 3)
trunk(x).pow(2).mean().backward()
grad_a = trunk.weight.grad.clone()
trunk.weight.grad.zero_()
(trunk(x) - 1).pow(2).mean().backward()
grad_b = trunk.weight.grad
print(grad_a, grad_b)
```

## How it is detected

`.grad` is read into a variable while another one, from before an in-place change, still holds the same tensor.

## Known problems

Two references of which only one is used later look the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradtrace.analysis.by_value import empties_in_place
from gradtrace.analysis.source_slice import goes_to
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.evidence.timeline import pass_of
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Accumulation, Effect, Event, EventKind, Finding, RelatedLocation, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need

_TAKES = re.compile(r"=\s*(\[\s*)?[\w.\[\]]+\.grad\b\s*(for\b.*)?(#.*)?$")


def check(trace: Trace) -> Iterator[Finding]:
    """Yield one finding for each line that takes a second reference."""
    seen: set[tuple[str, int]] = set()
    for number, event in enumerate(trace.events):
        place = event.location
        if event.kind != EventKind.GRAD_ALIAS or place is None or not _TAKES.search(place.text.rstrip()):
            continue
        if event.name in goes_to(place):  # the list of the turn before, which is given up here
            continue
        change = next((one for one in reversed(trace.events[:number]) if _changes(trace, one, event.leaves[0])), None)
        if change is None or change.location is None or place.source_line in seen:
            continue
        seen.add(place.source_line)
        yield Finding(
            "grad-reference-not-copy",
            Severity.WARNING,
            f"{event.name} is no copy: it changes with {called(trace.leaves[one] for one in event.leaves)}.grad",
            change.location,
            (RelatedLocation(place, f"this is the same tensor as {event.name}"),),
            f"Copy it where {event.name} is set: `.grad.clone()`.",
            event.leaves,
        )


def _changes(trace: Trace, event: Event, leaf: int) -> bool:
    """Whether the event changed the leaf's `.grad` in place."""
    if event.kind == EventKind.BACKWARD:
        backward = pass_of(trace, event)
        found = () if backward is None else backward.accumulations
        return any(one.leaf == leaf and one.effect == Effect.ACCUMULATED and not _was_zero(one) for one in found)
    return leaf in event.leaves and empties_in_place(event)


def _was_zero(one: Accumulation) -> bool:
    return one.before is not None and one.before.norm == 0


RULE = Rule(
    name="grad-reference-not-copy",
    severity=Severity.WARNING,
    summary="A variable holds `.grad` itself, not a copy, and changes with it.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)

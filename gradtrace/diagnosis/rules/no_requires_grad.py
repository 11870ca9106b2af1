"""Backward starts at a tensor that was computed from nothing that requires grad.

## What it does

Looks for programs that end because the tensor at which backward starts has no graph, where nothing was cut off: what it
was computed from was made without `requires_grad=True`. Each of these tensors is named, with the line that made it.

## Why is this bad?

Autograd records only what is computed from tensors that require grad. There is nothing to differentiate by.

## Example

```python
import torch

x = torch.tensor([1.0, 2.0])
w = torch.tensor([3.0, 4.0])
loss = (w * x).sum()
loss.backward()
```

## Use instead

```python
import torch

x = torch.tensor([1.0, 2.0])
w = torch.tensor([3.0, 4.0], requires_grad=True)
loss = (w * x).sum()
loss.backward()
```

## How it is detected

Backward fails for want of a graph, and no place was seen where a value with a graph went in and one without came out.
From the name of the tensor backwards, the lines that assigned the named tensors that can be seen tell which of them it
was computed from.

## Known problems

A tensor that only a function knows which has ended is not named.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.graphless import Graphless, Input, graphless
from gradtrace.diagnosis.evidence.roots import root_name
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace

_MOST_NAMED = 3
_MOST_SHOWN = 8


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding, if the program ended so."""
    found = graphless(trace)
    if found is None:
        return
    ordered = sorted(found.inputs, key=lambda one: (one.is_integer, not one.is_held, one.location is None))
    known = [one for one in ordered if one.location is not None]
    place = known[0].location if known else found.backward.location
    related = notes(
        *((one.location, f"{one.name} is made here{_lacking(one)}") for one in known[:_MOST_SHOWN]),
        (found.backward.location, "backward finds no graph here"),
    )
    yield Finding(
        "no-requires-grad",
        Severity.ERROR,
        f"{root_name(found.backward)} has no graph: {_names(ordered)}",
        place,
        tuple(note for note in related if note.location != place),
        _help(found, ordered),
        (),
        (found.backward.index,),
    )


def _lacking(one: Input) -> str:
    return ", as whole numbers" if one.is_integer else ", and does not require grad"


def _names(ordered: list[Input]) -> str:
    """Who does not require grad."""
    names = [one.name for one in ordered]
    if not names:
        return "nothing that it was computed from requires grad"
    if len(names) == 1:
        return f"{names[0]} does not require grad"
    if len(names) > _MOST_NAMED:
        return f"{names[0]}, {names[1]} and {len(names) - 2} others do not require grad"
    return f"{', '.join(names[:-1])} and {names[-1]} do not require grad"


def _help(found: Graphless, ordered: list[Input]) -> str:
    floats = [one for one in ordered if not one.is_integer]
    if ordered and not floats:
        name = ordered[0].name
        return f"Only floating-point tensors can require grad: `{name} = {name}.float().requires_grad_()`."
    name = floats[0].name if floats else "w"
    return (
        f"Make those that gradients are wanted for with `requires_grad=True`, or call `{name}.requires_grad_()` before "
        f"{root_name(found.backward)} is computed."
    )


RULE = Rule(
    name="no-requires-grad",
    severity=Severity.ERROR,
    summary="Backward starts at a tensor that was computed from nothing that requires grad.",
    check=check,
    page=__doc__ or "",
)

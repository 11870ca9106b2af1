"""An operation on the way to the loss has no derivative.

## What it does

Looks for operations that torch cannot differentiate (`//`, `heaviside`, `igamma` of its first argument) on the way to
the loss.

## Why is this bad?

Backward stops; the message names the operation, never the line where it is used.

## Example

```python
import torch

w = torch.rand(3, requires_grad=True)
loss = (w // 0.25).sum()
loss.backward()
```

## Use instead

```python
import torch

w = torch.rand(3, requires_grad=True)
loss = (w / 0.25).sum()
loss.backward()
```

## How it is detected

The exception ended the pass at a node, whose line is known.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import failure, notes, of_pass
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = failure(trace, r"(?i)derivative for .{1,80}? is not (currently )?implemented")
    if found is None:
        return
    op = re.search(r"(?i)derivative for '?(?:aten::)?([\w.]+)", found.message)
    place = found.node.location if found.node is not None and found.node.location is not None else found.place
    name = op.group(1) if op else "this operation"
    yield Finding(
        "op-without-derivative",
        Severity.ERROR,
        f"`{name}` has no derivative, but a loss is computed from it",
        place,
        tuple(note for note in notes((found.place, "backward needs its derivative here")) if note.location != place),
        "Use a differentiable substitute, or pass the gradient straight through: `x + (f(x) - x).detach()`.",
        (),
        of_pass(found.backward),
    )


RULE = Rule(
    name="op-without-derivative",
    severity=Severity.ERROR,
    summary="An operation on the way to the loss has no derivative.",
    check=check,
    page=__doc__ or "",
)

"""A checkpointed function computes something else when it runs again.

## What it does

Looks for functions under `torch.utils.checkpoint` whose second run, during backward, saves other tensors than the
first.

## Why is this bad?

Backward stops. If shapes happened to agree, gradients would be wrong. The function depends on something that it
changes itself: a list that grows, a counter, a cache.

## Example

```python
import torch
from torch.utils.checkpoint import checkpoint

memory = []


def block(x):
    memory.append(x.detach())
    return torch.sigmoid(x @ torch.cat(memory).t())


w = torch.randn(2, 3, requires_grad=True)
checkpoint(block, w, use_reentrant=False).sum().backward()
```

## Use instead

```python
import torch
from torch.utils.checkpoint import checkpoint


def block(x):
    return torch.sigmoid(x @ x.detach().t())


w = torch.randn(2, 3, requires_grad=True)
checkpoint(block, w, use_reentrant=False).sum().backward()
```

## How it is detected

The exception ended the pass; the node whose tensor was to be recomputed has a line.

## Known problems

The finding points at an operation whose tensors differ, which may stand below the line that changes the state.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import failure, notes, of_pass
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = failure(trace, r"(?i)recomputed values for the|number of tensors was saved during the original")
    if found is None:
        return
    place = found.node.location if found.node is not None and found.node.location is not None else found.place
    yield Finding(
        "checkpoint-recompute-differs",
        Severity.ERROR,
        "This checkpointed computation differs when it is run again for backward",
        place,
        tuple(note for note in notes((found.place, "backward runs it again here")) if note.location != place),
        "Make the checkpointed function pure: it must not append to lists, count calls or change what it reads.",
        (),
        of_pass(found.backward),
    )


RULE = Rule(
    name="checkpoint-recompute-differs",
    severity=Severity.ERROR,
    summary="A checkpointed function computes something else when it runs again.",
    check=check,
    page=__doc__ or "",
)

"""backward() is called on a tensor with more than one element.

## What it does

Looks for `backward()` without an argument on a loss that is not a single number.

## Why is this bad?

torch refuses: a gradient is defined for one number. Mostly `reduction='none'` or a weighting came in between.

## Example

```python
import torch

w = torch.randn(3, requires_grad=True)
loss = (w - 1) ** 2
loss.backward()
```

## Use instead

```python
import torch

w = torch.randn(3, requires_grad=True)
loss = ((w - 1) ** 2).mean()
loss.backward()
```

## How it is detected

The exception ended the program; its root has a shape, a name and a line.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import failure, notes
from gradtrace.diagnosis.evidence.roots import root_of
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = failure(trace, "grad can be implicitly created only for")
    if found is None:
        return
    root, node = root_of(trace, found.place)
    name = (root.name if root is not None else None) or "the tensor"
    shape = tuple(root.value.shape) if root is not None and root.value is not None else None
    place = node.location if node is not None and node.location is not None else found.place
    text = f"{name} has shape {shape}" if shape is not None else f"{name} has more than one element"
    yield Finding(
        "nonscalar-backward",
        Severity.ERROR,
        f"backward() needs a single number, but {text}",
        place,
        tuple(note for note in notes((found.place, "backward is called here")) if note.location != place),
        f"Reduce it first: `{root.name if root is not None and root.name else 'loss'}.mean().backward()`.",
    )


RULE = Rule(
    name="nonscalar-backward",
    severity=Severity.ERROR,
    summary="backward() is called on a tensor with more than one element.",
    check=check,
    page=__doc__ or "",
)

"""A tensor made under inference_mode is used for training.

## What it does

Looks for tensors computed under `torch.inference_mode()` that enter a computation which autograd records.

## Why is this bad?

torch refuses, at the operation that would have to save the tensor, not at the scope that made it.

## Example

```python
import torch
from torch import nn

backbone, head = nn.Linear(3, 4), nn.Linear(4, 1)
with torch.inference_mode():
    features = backbone(torch.randn(2, 3))
head(features).sum().backward()
```

## Use instead

```python
import torch
from torch import nn

backbone, head = nn.Linear(3, 4), nn.Linear(4, 1)
with torch.no_grad():
    features = backbone(torch.randn(2, 3))
head(features).sum().backward()
```

## How it is detected

The exception ended the program, and the last place where a value was computed under `inference_mode` is known when
one of its inputs required grad.

## Known problems

Where nothing under `inference_mode` required grad, the finding points at the use alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import failure, notes
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CutKind, Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = failure(trace, r"(?i)inference tensors? (cannot be saved|.*outside InferenceMode)")
    if found is None:
        return
    made = next(
        (cut.location for cut in trace.cuts if cut.kind == CutKind.INFERENCE_MODE and cut.location is not None), None
    )
    place = made or found.place
    yield Finding(
        "inference-tensor",
        Severity.ERROR,
        "A tensor computed under inference_mode is used where gradients are recorded",
        place,
        tuple(note for note in notes((found.place, "it is used here")) if note.location != place),
        "Compute it under `torch.no_grad()` instead, or use `.clone()` of it.",
    )


RULE = Rule(
    name="inference-tensor",
    severity=Severity.ERROR,
    summary="A tensor made under inference_mode is used for training.",
    check=check,
    page=__doc__ or "",
)

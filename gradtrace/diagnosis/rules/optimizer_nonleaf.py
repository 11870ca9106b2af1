"""An optimizer is given a computed tensor.

## What it does

Looks for torch's error "can't optimize a non-leaf Tensor".

## Why is this bad?

Optimizers change leaves; a result is computed anew and has no `.grad`.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
canvas = torch.randn(3, requires_grad=True) * 0.1
opt = torch.optim.SGD([canvas], lr=0.1)
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
canvas = (torch.randn(3) * 0.1).requires_grad_()
opt = torch.optim.SGD([canvas], lr=0.1)
```

## How it is detected

The program died of this error.

## Known problems

It points at the optimizer, not at the line that made the tensor.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding if the program died of it."""
    error = trace.run.error
    if error is not None and "can't optimize a non-leaf Tensor" in error.message:
        yield Finding(
            "optimizer-nonleaf",
            Severity.ERROR,
            "the optimizer is given a tensor that an operation made, not a leaf",
            error.frames[-1] if error.frames else None,
            help="Call `.requires_grad_()` last: `(torch.randn(3) * 0.1).requires_grad_()`.",
        )


RULE = Rule(
    name="optimizer-nonleaf",
    severity=Severity.ERROR,
    summary="An optimizer is given a computed tensor.",
    check=check,
    page=__doc__ or "",
)

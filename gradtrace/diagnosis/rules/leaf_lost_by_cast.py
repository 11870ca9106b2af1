"""A cast or an operation on the same line makes a new tensor, which is not a leaf.

## What it does

Looks for tensors that were made with `requires_grad=True` and changed at once (`.to(...)`, `* 0.1`): the name holds
the result.

## Why is this bad?

The leaf has no name and the named tensor no `.grad`.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
delta = torch.zeros(3, requires_grad=True) * 0.1
(delta - 1).pow(2).sum().backward()
print(delta.grad.sign())
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
delta = (torch.zeros(3) * 0.1).requires_grad_()
(delta - 1).pow(2).sum().backward()
print(delta.grad.sign())
```

## How it is detected

Every read of `.grad` that gives None is recorded, with what was read. It fires when what was read is made from
nothing but leaves without a name.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.missing_grads import Reason, reads
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each such read."""
    for read in reads(trace):
        if read.reason is Reason.CAST:
            name = read.name or "the tensor"
            yield Finding(
                "leaf-lost-by-cast",
                Severity.ERROR,
                f"{name} is not a leaf: this line makes a new tensor from the one that requires grad",
                read.place,
                read.related,
                "Give dtype and device to the factory, or call `.requires_grad_()` last.",
            )


RULE = Rule(
    name="leaf-lost-by-cast",
    severity=Severity.ERROR,
    summary="A cast or an operation on the same line makes a new tensor, which is not a leaf.",
    check=check,
    page=__doc__ or "",
)

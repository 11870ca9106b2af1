"""The `.grad` of an intermediate result is read.

## What it does

Looks for reads of `.grad` of a tensor that an operation made, without `retain_grad()`.

## Why is this bad?

autograd fills `.grad` of leaves only: here it is None.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(3, requires_grad=True)
h = x * 2
h.sum().backward()
import warnings

with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    print(h.grad)
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(3, requires_grad=True)
h = x * 2
h.retain_grad()
h.sum().backward()
print(h.grad)
```

## How it is detected

Every read of `.grad` that gives None is recorded, with what was read. It fires for results, unless a rule about lost
leaves explains the read.

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
        if read.reason is Reason.RESULT:
            name = read.name or "the tensor"
            yield Finding(
                "nonleaf-grad-read",
                Severity.WARNING,
                f"{name} is not a leaf: its .grad is None",
                read.place,
                read.related,
                f"Call `{name}.retain_grad()` before backward, or read the `.grad` of the leaf.",
            )


RULE = Rule(
    name="nonleaf-grad-read",
    severity=Severity.WARNING,
    summary="The `.grad` of an intermediate result is read.",
    check=check,
    page=__doc__ or "",
)

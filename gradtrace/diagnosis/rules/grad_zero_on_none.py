"""`.grad.zero_()` is called where `.grad` is None.

## What it does

Looks for a program that dies of `p.grad.zero_()` before any backward, or after `.grad` was set to None.

## Why is this bad?

`zero_grad()` sets `.grad` to None: there is nothing to fill with zeros.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
w = torch.ones(3, requires_grad=True)
w.grad.zero_()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
w = torch.ones(3, requires_grad=True)
w.grad = None
(w * 2).sum().backward()
w.grad.zero_()
```

## How it is detected

Every read of `.grad` that gives None is recorded, with what was read. It fires when the program dies at such a line.

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
        if read.reason is Reason.CLEARED:
            name = read.name or "the tensor"
            yield Finding(
                "grad-zero-on-none",
                Severity.ERROR,
                f"{name}.grad is None: there is nothing to zero",
                read.place,
                read.related,
                "Write `p.grad = None`, call `zero_grad()`, or ask `if p.grad is not None` first.",
            )


RULE = Rule(
    name="grad-zero-on-none",
    severity=Severity.ERROR,
    summary="`.grad.zero_()` is called where `.grad` is None.",
    check=check,
    page=__doc__ or "",
)

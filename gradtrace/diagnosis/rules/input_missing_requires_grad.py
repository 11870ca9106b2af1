"""The gradient of a tensor is read that was not a leaf of the graph.

## What it does

Looks for a program that dies because `.grad` is None: the tensor did not require grad when the forward pass used it.

## Why is this bad?

`requires_grad_()` must stand before the forward pass: what ran before knows nothing of it.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
x = torch.randn(1, 3)
out = model(x)
x.requires_grad_()
out.sum().backward()
print(x.grad.abs())
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
x = torch.randn(1, 3)
x.requires_grad_()
out = model(x)
out.sum().backward()
print(x.grad.abs())
```

## How it is detected

Every read of `.grad` that gives None is recorded, with what was read. It fires when the program dies at a read whose
leaf was part of no graph, and when the program shows, after a pass, the `.grad` of a tensor that does not require grad
and that stands in a line which computed a part of the graph: a suspicion, unless the line shows other gradients too.

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
        if read.reason is Reason.UNUSED:
            name = read.name or "the tensor"
            yield Finding(
                "input-missing-requires-grad",
                Severity.ERROR,
                f"{name}.grad is None: {name} did not require grad when the forward pass used it",
                read.place,
                read.related,
                f"Call `{name}.requires_grad_()` before the forward pass.",
            )
        if read.reason is Reason.LOOKED_AT:
            yield Finding(
                "input-missing-requires-grad",
                Severity.WARNING if read.is_among_others else Severity.INFO,
                f"{read.name}.grad is None: {read.name} does not require grad",
                read.place,
                read.related,
                f"If its gradient is wanted, make it with `requires_grad=True`: `{read.name}.requires_grad_()`.",
            )


RULE = Rule(
    name="input-missing-requires-grad",
    severity=Severity.ERROR,
    summary="The gradient of a tensor is read that was not a leaf of the graph.",
    check=check,
    page=__doc__ or "",
)

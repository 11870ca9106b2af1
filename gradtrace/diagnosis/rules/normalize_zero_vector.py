"""Normalising a zero vector makes a huge gradient.

## What it does

Looks for `F.normalize`, `cosine_similarity` and divisions by a guarded norm that multiply the gradient by a million
or more.

## Why is this bad?

At zero the division is by eps: the gradient is finite, but some 1e12 times too large, and one step ruins the weights.

## Example

```python
import torch
import torch.nn.functional as F

w = torch.zeros(3, 4, requires_grad=True)
loss = (F.normalize(w, dim=1) - 1).pow(2).mean()
loss.backward()
```

## Use instead

```python
import torch
import torch.nn.functional as F

torch.manual_seed(0)
w = torch.randn(3, 4, requires_grad=True)
loss = (F.normalize(w, dim=1) - 1).pow(2).mean()
loss.backward()
```

## How it is detected

A division inside `normalize` or `cosine_similarity`, or by the result of a norm, sends a gradient whose norm is a
million times that which arrives.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.amplified import normalized
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for backward, node in normalized(trace):
        yield Finding(
            "normalize-zero-vector",
            Severity.WARNING,
            f"`{node.call or node.op}` of a vector near zero makes its gradient a million times larger or more",
            node.location,
            (),
            "Start away from zero (`nn.init.normal_`), or pass a larger `eps`.",
            (),
            (backward.index,),
        )
        return


RULE = Rule(
    name="normalize-zero-vector",
    severity=Severity.WARNING,
    summary="Normalising a zero vector makes a huge gradient.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM),),
)

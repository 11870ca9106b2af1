"""A custom autograd Function uses a parameter that is not among its arguments.

## What it does

Looks for parameters that the `forward` of a `torch.autograd.Function` reads through a closure or an attribute.

## Why is this bad?

autograd sees only the arguments of `apply`: the parameter gets no gradient.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
scale = nn.Parameter(torch.ones(4))
offset = nn.Parameter(torch.zeros(4))
opt = torch.optim.SGD([scale, offset], lr=0.1)


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * scale

    @staticmethod
    def backward(ctx, grad):
        return grad * scale


for _ in range(2):
    opt.zero_grad()
    loss = Scale.apply(torch.randn(8, 4) + offset).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
scale = nn.Parameter(torch.ones(4))
offset = nn.Parameter(torch.zeros(4))
opt = torch.optim.SGD([scale, offset], lr=0.1)


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x, factor)
        return x * factor

    @staticmethod
    def backward(ctx, grad):
        x, factor = ctx.saved_tensors
        return grad * factor, (grad * x).sum(0)


for _ in range(2):
    opt.zero_grad()
    loss = Scale.apply(torch.randn(8, 4) + offset, scale).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

Every place is recorded where a value that requires grad goes in and one that does not comes out, with the leaves
above it. Such a place is reported when its result comes back into the graph of a pass while leaves above it, held by
an optimizer, get nothing from any pass; or when backward fails because nothing else is left.

## Known problems

A leaf that gets a gradient along another path counts as served: a cut that removes one of several paths is taken as
meant. A leaf that no optimizer holds is not expected to be trained.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import Reason, complaint, finding, losses
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such place."""
    for loss in losses(trace):
        if loss.reason is Reason.CUSTOM_FUNCTION:
            yield finding(
                "custom-fn-bypasses-parameter",
                loss,
                Severity.WARNING,
                f"{complaint(loss)}: the custom Function uses it without taking it as an argument",
                "Pass it to `apply(...)` and return its gradient from `backward`.",
            )


RULE = Rule(
    name="custom-fn-bypasses-parameter",
    severity=Severity.WARNING,
    summary="A custom autograd Function uses a parameter that is not among its arguments.",
    check=check,
    page=__doc__ or "",
)

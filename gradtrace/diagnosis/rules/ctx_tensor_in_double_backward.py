"""A custom Function's backward uses a tensor that forward computed, and is differentiated itself.

## What it does

Looks for a result of `forward` that is kept for `backward` (`ctx.slope = ...`, also by `save_for_backward`) in a
program that differentiates the gradient again: `create_graph=True`, a gradient penalty, a second derivative.

## Why is this bad?

`forward` runs without gradients, so what it computes has no graph. In the second derivative it is a constant: the
derivative of the slope is missing, no error is raised, and the gradient of the penalty is wrong.

## Example

```python
import torch


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        gate = torch.sigmoid(x)
        ctx.slope = gate * (1 + x * (1 - gate))
        return x * gate

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.slope


x = torch.randn(5, requires_grad=True)
(slope,) = torch.autograd.grad(Swish.apply(x).pow(2).sum(), x, create_graph=True)
slope.pow(2).sum().backward()
```

## Use instead

```python
import torch


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        gate = torch.sigmoid(x)
        return grad * gate * (1 + x * (1 - gate))


x = torch.randn(5, requires_grad=True)
(slope,) = torch.autograd.grad(Swish.apply(x).pow(2).sum(), x, create_graph=True)
slope.pow(2).sum().backward()
```

## How it is detected

Values that `forward` computes from an input that requires grad are followed. One that an operation of `backward` takes
in as a constant, while a graph of the backward is built and a later pass runs through that, is reported. Masks and
other results that are constant piece by piece lose nothing.

## Known problems

A function whose slope is an approximation on purpose (a surrogate gradient) is reported too, if it is differentiated
twice. Where what arrives at the function is itself a constant, its backward makes no graph, and nothing is seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.kept_constants import kept
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every `backward` that takes in such a value."""
    for one in kept(trace):
        value = f"`{one.cut.name}`" if one.cut.name else "a tensor"
        told = notes(
            (one.cut.location, f"{value} is computed here in `forward`, without a graph"),
            (one.asked.location if one.asked is not None else None, "a graph of the gradient is asked for here"),
        )
        yield Finding(
            "ctx-tensor-in-double-backward",
            Severity.WARNING,
            f"`{one.function}.backward` uses what `forward` computed: a constant in second derivatives",
            one.place,
            tuple(note for note in told if note.location != one.place),
            "Save the inputs with `ctx.save_for_backward(x)`, and compute what depends on them anew in `backward`, "
            "from `ctx.saved_tensors`.",
            one.cut.leaves,
            one.cut.passes,
        )


RULE = Rule(
    name="ctx-tensor-in-double-backward",
    severity=Severity.WARNING,
    summary="A custom Function's backward uses a tensor that forward computed, and is differentiated itself.",
    check=check,
    page=__doc__ or "",
)

"""Code that runs in backward changes a gradient in place that others get too.

## What it does

Looks for a custom Function's `backward`, or a hook, that writes into the gradient it was given (`grad.mul_(-1)`) while
autograd hands the same tensor to another operation.

## Why is this bad?

Nothing fails: a sum gives one tensor to all its summands, so that the others get a gradient that is scaled, turned
round or zeroed too, and train on it.

## Example

```python
import torch
from torch import nn


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return grad.mul_(-0.1)


torch.manual_seed(0)
one, other = nn.Linear(8, 8), nn.Linear(8, 8)
x = torch.randn(16, 8)
mixed = one(x) + Reverse.apply(other(x))
mixed.pow(2).mean().backward()
```

## Use instead

```python
import torch
from torch import nn


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return grad.mul(-0.1)


torch.manual_seed(0)
one, other = nn.Linear(8, 8), nn.Linear(8, 8)
x = torch.randn(16, 8)
mixed = one(x) + Reverse.apply(other(x))
mixed.pow(2).mean().backward()
```

## How it is detected

What a node sends is compared with what its receiver works with. Where a gradient has changed on the way although no
hook stands there, and a custom Function or a hook got the same one before and has changed it too, that is who did it.
Where a sum sends one tensor to a Function that changes it and to a value that gets others later, that value is harmed
as well.

## Known problems

Of a gradient that is added to others on arrival only what a sum sends is judged: that is the same tensor for sure.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import called_as, notes
from gradtrace.diagnosis.evidence.rewritten_gradients import Rewritten, rewritten
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every place that changes a gradient of others."""
    for one in rewritten(trace):
        what = "This hook" if one.is_hook else f"`{one.writer.op}.backward`"
        told = notes(
            (None if one.is_hook else one.writer.location, "the function is applied here"),
            (one.victim.location, f"`{called_as(one.victim)}` gets the changed gradient"),
            (one.source.location, f"`{called_as(one.source)}` sends one gradient to both"),
        )
        yield Finding(
            "grad-changed-in-backward",
            Severity.ERROR,
            f"{what} changes its gradient in place, and `{called_as(one.victim)}` gets the changed one",
            one.place,
            tuple(note for note in told if note.location != one.place),
            _advice(one),
            (),
            (one.backward.index,),
        )


def _advice(one: Rewritten) -> str:
    way = "Return a new tensor" if one.is_hook else "Let `backward` return a new tensor"
    return f"{way}: `grad * factor` or `grad.clone().mul_(factor)`, never `grad.mul_(factor)` or `grad[mask] = 0`."


RULE = Rule(
    name="grad-changed-in-backward",
    severity=Severity.ERROR,
    summary="Code that runs in backward changes a gradient in place that others get too.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM),),
)

"""A step also uses gradients of passes that were begun for something else.

## What it does

Looks for passes that the program runs to get the gradient of an input, an attack for instance, and whose gradients with
respect to the parameters the next step uses too.

## Why is this bad?

`backward()` fills the `.grad` of everything that the loss depends on, not only of the input that is wanted. The step
follows the sum of all these passes instead of the gradient of the loss that it is meant for.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)


def attack(x):
    delta = torch.zeros_like(x, requires_grad=True)
    for _ in range(3):
        model(x + delta).pow(2).mean().backward()
        delta.data += 0.1 * delta.grad.sign()
        delta.grad = None
    return delta.detach()


for step in range(3):
    x = torch.randn(8, 3)
    opt.zero_grad()
    delta = attack(x)
    model(x + delta).pow(2).mean().backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)


def attack(x):
    delta = torch.zeros_like(x, requires_grad=True)
    for _ in range(3):
        model(x + delta).pow(2).mean().backward()
        delta.data += 0.1 * delta.grad.sign()
        delta.grad = None
    return delta.detach()


for step in range(3):
    x = torch.randn(8, 3)
    delta = attack(x)
    opt.zero_grad()
    model(x + delta).pow(2).mean().backward()
    opt.step()
```

## How it is detected

Most steps of an optimizer use passes of two lines. The program reads what the earlier ones gave to a tensor that no
optimizer holds, before the next pass begins; the last pass does not reach that tensor. A single such pass in the same
function as the last one, which begins at the same kind of loss, may be meant as a part of it, and so may one anywhere
where both losses are multiplied or divided by something last: that is only mentioned.

## Known problems

Where both gradients are meant to add up, the finding is wrong: ignore it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.foreign_passes import ForeignPasses, foreign_passes
from gradtrace.diagnosis.evidence.ownership import is_named
from gradtrace.diagnosis.evidence.timeline import quoted
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, RelatedLocation, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that uses what was not meant for it."""
    for found in foreign_passes(trace):
        yield _finding(trace, found)


def _finding(trace: Trace, found: ForeignPasses) -> Finding:
    optimizer, wanted = trace.optimizers[found.step.optimizer], trace.leaves[found.wanted]
    name = f"`{wanted.name}`" if is_named(wanted) else "an input"
    others = f"{found.foreign.count} passes" if found.foreign.count > 1 else "a pass"
    foreign, own = found.foreign.location, found.own.location
    related = [
        RelatedLocation(place, text)
        for place, text in (
            (found.use.location, f"these are wanted for the gradient of {name}"),
            (own, "clear gradients before this pass"),
            (found.step.location, "step() uses the sum of all"),
        )
        if place is not None and place != foreign
    ]
    call = f"{optimizer.name}.zero_grad()" if optimizer.name else "zero_grad()"
    return Finding(
        "foreign-gradients",
        Severity.WARNING if found.is_apart else Severity.INFO,
        f"{quoted(optimizer)} also uses what {others} for {name} left in `.grad`",
        foreign or own,
        tuple(related),
        f"Call `{call}` after these passes, or get the gradient of {name} from `torch.autograd.grad`, which fills no "
        "`.grad`.",
        found.leaves,
    )


RULE = Rule(
    name="foreign-gradients",
    severity=Severity.WARNING,
    summary="A step also uses gradients of passes that were begun for something else.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)

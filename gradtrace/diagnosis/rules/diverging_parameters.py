"""The parameters grow from step to step until numbers overflow.

## What it does

Looks, when a loss or a gradient is not finite, at what the steps before have done to the parameters: whether they are
ten thousand times as large as at the beginning.

## Why is this bad?

The step is too large for the loss: each one overshoots further than the one before. The operation that overflows in the
end is not to blame.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=1e6)
x, y = torch.randn(16, 4), torch.randn(16, 1)
for _ in range(10):
    loss = (model(x) - y).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
opt = torch.optim.SGD(model.parameters(), lr=1e-2)
x, y = torch.randn(16, 4), torch.randn(16, 1)
for _ in range(10):
    loss = (model(x) - y).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## How it is detected

Of every step that was looked at, the norms of the parameters before and after it are recorded. They are compared when a
pass is the first that is not finite.

## Known problems

Steps that the program takes by hand are not measured.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.numerics import NEEDS, Cause, Growth, growth, trap
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding about parameters that have grown away."""
    found = trap(trace)
    grown = growth(trace, found.backward) if found is not None and found.cause is Cause.DIVERGENCE else None
    if found is None or grown is None:
        return
    steps = f"{grown.n_steps} steps" if grown.n_steps > 1 else "one step"
    yield Finding(
        "diverging-parameters",
        Severity.ERROR,
        f"The parameters grow from {grown.before:.3g} to {grown.after:.3g} in {steps}, until numbers overflow",
        found.place,
        found.related,
        f"Lower the learning rate{_rate(grown)}, warm it up, or clip the gradients before the step.",
        (),
        (found.backward.index,),
    )


def _rate(grown: Growth) -> str:
    rates = {group.rate("lr") for group in grown.step.groups if isinstance(group.rate("lr"), int | float)}
    return f" (it is {next(iter(rates)):g})" if len(rates) == 1 else ""


RULE = Rule(
    name="diverging-parameters",
    severity=Severity.ERROR,
    summary="The parameters grow from step to step until numbers overflow.",
    check=check,
    page=__doc__ or "",
    needs=NEEDS,
)

"""The steps of an optimizer move nothing, because its learning rate is 0.

## What it does

Looks for optimizers that find gradients in every step and move nothing in any of them.

## Why is this bad?

The program runs, the losses are printed, and nothing is learned. Schedules that begin at 0 do this where an optimizer
lives for one step only, or where nobody calls the schedule's `step()`.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda step: min(1.0, step / 10))
x, y = torch.randn(16, 3), torch.randn(16, 1)
for step in range(4):
    opt.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda step: min(1.0, (step + 1) / 10))
x, y = torch.randn(16, 3), torch.randn(16, 1)
for step in range(4):
    opt.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    opt.step()
    schedule.step()
```

## How it is detected

Each parameter is compared before and after the steps that use what recorded passes left in `.grad`. It fires when
gradients were not zero, no parameter moved in any step of the optimizers that one line makes, and the learning rate was
0 each time, or so small that the dtype of the parameters rounds every change away. Parameters that are held still by a
rate of 0 while others of the same optimizer move are meant. Where those of another optimizer move along the same
passes, and no schedule made the rate, it is only mentioned.

## Known problems

A run of a single step says little: that is only mentioned.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.idle_steps import Idle, idle_optimizers
from gradtrace.diagnosis.evidence.timeline import quoted
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each line that makes optimizers which move nothing."""
    for idle in idle_optimizers(trace):
        optimizer = trace.optimizers[idle.optimizers[0]]
        step = idle.steps[0]
        why = "its learning rate is 0"
        if idle.lost_to is not None:
            why = f"steps of lr {idle.rate:g} are lost in {idle.lost_to}"
        made = optimizer.location
        related = () if made is None else (RelatedLocation(made, _origin(idle)),)
        yield Finding(
            "zero-learning-rate",
            _severity(idle),
            f"{quoted(optimizer)} moves nothing: {why}",
            step.location or made,
            related if step.location is not None else (),
            _help(idle),
            idle.leaves,
        )


def _severity(idle: Idle) -> Severity:
    """A later step may have moved something where not all were looked at, or where there is only one yet.

    A rate of 0 for a part of what is trained is a way to freeze that part.
    """
    if idle.is_part or idle.n_steps < 2:  # noqa: PLR2004  one step is no schedule
        return Severity.INFO
    return Severity.ERROR if idle.is_whole and idle.lost_to is None else Severity.WARNING


def _origin(idle: Idle) -> str:
    if idle.scheduled_from is not None:
        return f"made with lr {idle.scheduled_from:g}, which a schedule has set to 0"
    return f"made here, with lr {idle.rate:g}"


def _help(idle: Idle) -> str:
    if idle.lost_to is not None:
        return "Raise the learning rate, or keep the parameters in float32."
    if idle.scheduled_from is not None:
        return "Let the schedule begin above 0: `(step + 1) / warmup` instead of `step / warmup`."
    return "Give the optimizer a learning rate above 0."


RULE = Rule(
    name="zero-learning-rate",
    severity=Severity.ERROR,
    summary="The steps of an optimizer move nothing, because its learning rate is 0.",
    check=check,
    page=__doc__ or "",
)

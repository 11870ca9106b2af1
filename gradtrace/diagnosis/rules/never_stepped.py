"""An optimizer's step() is never called, while passes give its parameters gradients.

## What it does

Looks for optimizers that never step in a program that runs backward again and again.

## Why is this bad?

Nothing is trained. The losses that are printed differ from batch to batch, and look like training.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
every = 1
for step in range(5):
    loss = model(torch.randn(8, 3)).pow(2).mean()
    loss.backward()
    if step % every:
        opt.step()
        opt.zero_grad()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
every = 1
for step in range(5):
    loss = model(torch.randn(8, 3)).pow(2).mean()
    loss.backward()
    if (step + 1) % every == 0:
        opt.step()
        opt.zero_grad()
```

## How it is detected

The program ran to its end, one line began three passes or more that gave the optimizer's parameters gradients, step()
was not called in the whole run, and none of these parameters moved from one recorded pass to the next. Where the
program reads the gradients itself, or those that the same passes left in its inputs, or clips at norms that none
reaches, this is only mentioned: it may want nothing else of them.

## Known problems

Parameters that need more than 64 MB together are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.hand_updates import NeverStepped, never_stepped
from gradtrace.diagnosis.evidence.timeline import quoted
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, RelatedLocation, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that never steps."""
    for found in never_stepped(trace):
        yield _finding(found)


def _finding(found: NeverStepped) -> Finding:
    optimizer, backward = found.optimizer, found.backward
    place = optimizer.would_step or backward.location
    related = []
    if place != backward.location and backward.location is not None:
        related.append(RelatedLocation(backward.location, f"{found.n_passes} passes fill `.grad` here"))
    if optimizer.location is not None:
        related.append(RelatedLocation(optimizer.location, "made here"))
    name = optimizer.name or "optimizer"
    remedy = f"Call `{name}.step()`, with its parentheses, after `backward()`, and clear gradients."
    if optimizer.would_step is not None:
        remedy = f"Look at what leads to this line: in {found.n_passes} passes the program never came to it."
    return Finding(
        "never-stepped",
        Severity.INFO if found.is_read else Severity.WARNING,
        f"{quoted(optimizer)} never steps: what {found.n_passes} passes left in `.grad` moves nothing",
        place,
        tuple(related),
        remedy,
        found.leaves,
    )


RULE = Rule(
    name="never-stepped",
    severity=Severity.WARNING,
    summary="An optimizer's step() is never called, although its parameters get gradients.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)

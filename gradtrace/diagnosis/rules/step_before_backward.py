"""An optimizer changed weights between a forward pass and its backward.

## What it does

Looks for `optimizer.step()` between the forward pass that used a weight and the backward that needs its old value.

## Why is this bad?

Backward stops; torch names neither the parameter nor the step. It happens in GANs and actor-critic methods, where two
losses share a network.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
critic, actor = nn.Linear(2, 1), nn.Linear(3, 2)
opt_c = torch.optim.SGD(critic.parameters(), lr=0.1)
x = torch.randn(4, 3)
actor_loss = -critic(actor(x)).mean()
critic_loss = critic(actor(x).detach()).pow(2).mean()
critic_loss.backward()
opt_c.step()
actor_loss.backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
critic, actor = nn.Linear(2, 1), nn.Linear(3, 2)
opt_c = torch.optim.SGD(critic.parameters(), lr=0.1)
x = torch.randn(4, 3)
critic_loss = critic(actor(x).detach()).pow(2).mean()
critic_loss.backward()
opt_c.step()
actor_loss = -critic(actor(x)).mean()
actor_loss.backward()
```

## How it is detected

Every write into a tensor that autograd keeps is recorded with its line and the version that it left behind. When
backward stops because a saved tensor is newer than what was saved, the writes between the two versions are the cause.
This rule names those where an update of a parameter did the write: `step()`, a method of an optimizer with another
name, or a line that writes to a trained parameter without gradients.

## Known problems

Only the first tensor that torch stumbles over is named: the next one appears when this one is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.overwrites import Reason, finding, overwrite
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = overwrite(trace)
    if found is not None and found.reason is Reason.STEP:
        yield finding(
            "step-before-backward",
            found,
            f"{found.updater} changes {found.name} before the backward pass that needs it",
            "Run every backward before any step, or compute this loss after the step.",
        )


RULE = Rule(
    name="step-before-backward",
    severity=Severity.ERROR,
    summary="An optimizer changed weights between a forward pass and its backward.",
    check=check,
    page=__doc__ or "",
)

"""The gradients of a parameter come along two ways and cancel each other.

## What it does

Looks for parameters that get several contributions in a pass whose sum is next to nothing, in every pass.

## Why is this bad?

The parameter does not learn from that loss, although every part of its gradient is large: mostly a reference value,
such as the log-probabilities of the old policy, was kept with its graph and is differentiated too.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
opt = torch.optim.Adam(policy.parameters())
states, actions, gains = torch.randn(16, 4), torch.randint(0, 3, (16, 1)), torch.randn(16, 1)
for _ in range(3):
    old = policy(states).log_softmax(-1).gather(1, actions)
    new = policy(states).log_softmax(-1).gather(1, actions)
    ratio = torch.exp(new - old)
    loss = -(ratio * gains).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
opt = torch.optim.Adam(policy.parameters())
states, actions, gains = torch.randn(16, 4), torch.randint(0, 3, (16, 1)), torch.randn(16, 1)
for _ in range(3):
    with torch.no_grad():
        old = policy(states).log_softmax(-1).gather(1, actions)
    new = policy(states).log_softmax(-1).gather(1, actions)
    ratio = torch.exp(new - old)
    loss = -(ratio * gains).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## How it is detected

Of every leaf, what arrives along each edge is compared with the sum. Where the sum is less than a hundred thousandth of
its largest part, in every recorded pass and for a matrix at least, the last operation is told that all ways share.

## Known problems

The bias of a last layer cancels in theory where outputs are only compared with each other; biases alone are no
finding, nor are parameters that are a single row or column.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cancelled import cancelled
from gradtrace.diagnosis.evidence.errors import called_as, notes, of_pass
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding about gradients that cancel."""
    found = cancelled(trace)
    if found is None:
        return
    told = notes(*((way.location, f"one way leads through `{way.name or called_as(way)}`") for way in found.ways))
    left = f"{found.rest:.0e}" if found.rest else "nothing"
    names = list(dict.fromkeys(f"`{way.name}`" for way in found.ways if way.name))
    which = f" ({' or '.join(names)})" if names else ""
    yield Finding(
        "gradient-cancels",
        Severity.WARNING,
        f"The gradients of {called(found.leaves)} cancel: {left} of the largest part is left",
        found.parting.location,
        tuple(note for note in told if note.location != found.parting.location),
        f"All of it comes through this `{called_as(found.parting)}`. If one side{which} is a fixed reference, such as "
        "the old policy or a target, detach it or compute it under `torch.no_grad()`.",
        tuple(leaf.id for leaf in found.leaves),
        of_pass(found.backward),
    )


RULE = Rule(
    name="gradient-cancels",
    severity=Severity.WARNING,
    summary="The gradients of a parameter come along two ways and cancel each other.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM),),
)

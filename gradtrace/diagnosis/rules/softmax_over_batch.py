"""A softmax works along the batch, and its result is used as one distribution a row.

## What it does

Looks for `softmax(..., dim=0)` of a batch whose result is then read row by row: one class of each row is gathered, or
`nll_loss` compares each row with its class.

## Why is this bad?

The probabilities of a sample do not sum to one: they compete with those of the other samples in the batch, and so do
the gradients.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=0))
opt = torch.optim.SGD(policy.parameters(), lr=0.1)
states, actions = torch.randn(8, 4), torch.randint(0, 3, (8, 1))
for _ in range(3):
    chosen = policy(states).gather(1, actions)
    loss = -torch.log(chosen).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=-1))
opt = torch.optim.SGD(policy.parameters(), lr=0.1)
states, actions = torch.randn(8, 4), torch.randint(0, 3, (8, 1))
for _ in range(3):
    chosen = policy(states).gather(1, actions)
    loss = -torch.log(chosen).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## How it is detected

The dimension of every softmax is known, and what uses its result: a `gather` along the second dimension or `nll_loss`
wants a distribution in each row.

## Known problems

A softmax over the first dimension that is used otherwise is taken as meant: attention over the elements of a set. A
batch of as many samples as there are classes is not looked at: it may hold scores of pairs, normalized both ways.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import called_as, notes, of_pass
from gradtrace.diagnosis.evidence.probabilities import across_rows
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such softmax."""
    for one in across_rows(trace):
        told = notes((one.user.location, f"`{called_as(one.user)}` takes each row as one distribution"))
        yield Finding(
            "softmax-over-batch",
            Severity.WARNING,
            f"This `{called_as(one.softmax)}` works along dim 0, the batch, but its rows are distributions",
            one.softmax.location,
            tuple(note for note in told if note.location != one.softmax.location),
            "Use `dim=-1` (or `dim=1`): the dimension of the classes.",
            (),
            of_pass(one.backward),
        )


RULE = Rule(
    name="softmax-over-batch",
    severity=Severity.WARNING,
    summary="A softmax works along the batch, and its result is used as one distribution a row.",
    check=check,
    page=__doc__ or "",
)

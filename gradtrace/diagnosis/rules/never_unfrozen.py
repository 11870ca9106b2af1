"""Parameters are frozen for one update and never unfrozen: they stop learning.

## What it does

Looks for a loop that switches `requires_grad` off for parameters which it trains, runs another pass, and comes back to
the pass that trained them without having switched it on again.

## Why is this bad?

`requires_grad` stays off until it is switched on: from the second round on these parameters get no gradient. The rest
of the model goes on learning, the loss goes on falling, and nothing is raised.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
critic = nn.Linear(4, 1)
actor = nn.Linear(4, 4)
head = nn.Linear(4, 4)
critic_opt = torch.optim.Adam([*critic.parameters(), *head.parameters()], lr=0.01)
actor_opt = torch.optim.Adam(actor.parameters(), lr=0.01)
for step in range(4):
    x = torch.randn(8, 4)
    critic_opt.zero_grad()
    (critic(head(x)) - x.sum(1, keepdim=True)).pow(2).mean().backward()
    critic_opt.step()
    for p in critic.parameters():
        p.requires_grad = False
    actor_opt.zero_grad()
    (-critic(actor(x)).mean()).backward()
    actor_opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
critic = nn.Linear(4, 1)
actor = nn.Linear(4, 4)
head = nn.Linear(4, 4)
critic_opt = torch.optim.Adam([*critic.parameters(), *head.parameters()], lr=0.01)
actor_opt = torch.optim.Adam(actor.parameters(), lr=0.01)
for step in range(4):
    x = torch.randn(8, 4)
    critic_opt.zero_grad()
    (critic(head(x)) - x.sum(1, keepdim=True)).pow(2).mean().backward()
    critic_opt.step()
    for p in critic.parameters():
        p.requires_grad = False
    actor_opt.zero_grad()
    (-critic(actor(x)).mean()).backward()
    actor_opt.step()
    for p in critic.parameters():
        p.requires_grad = True
```

## How it is detected

Every switch of `requires_grad` is an event. It fires when a parameter had a gradient from one line, was frozen, and was
never unfrozen, if the freeze runs again in each round, the next pass trains nothing of the same optimizer and had not
run before the freeze, and then
the line that trained it runs again and its optimizer steps. Where nothing is left to train there, backward fails,
and it fires as well.

## Known problems

A parameter that is frozen once, and for good, is taken as meant, also where it is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.frozen import NeverUnfrozen, never_unfrozen
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each such freeze."""
    for one in never_unfrozen(trace):
        yield _finding(trace, one)


def _finding(trace: Trace, one: NeverUnfrozen) -> Finding:
    freeze = one.freeze
    leaves = [trace.leaves[leaf] for leaf in freeze.leaves]
    name = called(leaves)
    verb, they = ("is", "it") if len(leaves) == 1 else ("are", "they")
    ending = f"{they} {verb} not trained any more"
    if one.failed is not None:
        ending = "backward finds nothing left to train"
    again = "this pass trained them, and fails now" if one.failed else "this pass trained them, and no longer does"
    step = one.step.location if one.step is not None else None
    return Finding(
        "never-unfrozen",
        Severity.ERROR if one.failed is not None else Severity.WARNING,
        f"{name} {verb} frozen here and never unfrozen: {ending}",
        freeze.first.location,
        notes(
            (one.between.location if one.between is not None else None, "for this pass, it seems"),
            (one.again, again),
            (step, "the optimizer goes on without them"),
        ),
        "Switch `requires_grad` on again (`requires_grad_(True)`) before the pass that trains them, in each round. To "
        "keep this loss from training them, it is enough that its optimizer does not hold them, and to clear `.grad`.",
        freeze.leaves,
        (freeze.trained.pass_index,),
    )


RULE = Rule(
    name="never-unfrozen",
    severity=Severity.WARNING,
    summary="Parameters are frozen for one update and never unfrozen: they stop learning.",
    check=check,
    page=__doc__ or "",
)

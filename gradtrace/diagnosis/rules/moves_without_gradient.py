"""A step moves parameters whose gradient the program has set to zero, or which it has frozen.

## What it does

Looks for steps that change a parameter, or rows of one, after the program itself set their gradient to zero or switched
`requires_grad` off.

## Why is this bad?

A gradient of zero is not "leave this alone": weight decay still shrinks the values, and momentum carries on what
earlier steps began. Only where `.grad` is None does an optimizer skip a parameter. What was to be kept moves.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
emb, head = nn.Embedding(6, 3), nn.Linear(3, 1)
opt = torch.optim.AdamW([*emb.parameters(), *head.parameters()], lr=0.1, weight_decay=0.1)
for _ in range(3):
    opt.zero_grad()
    head(emb(torch.tensor([0, 1, 5]))).pow(2).mean().backward()
    emb.weight.grad[:5] = 0
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
emb, head = nn.Embedding(6, 3), nn.Linear(3, 1)
groups = [{"params": emb.parameters(), "weight_decay": 0.0}, {"params": head.parameters()}]
opt = torch.optim.AdamW(groups, lr=0.1, weight_decay=0.1)
for _ in range(3):
    opt.zero_grad()
    head(emb(torch.tensor([0, 1, 5]))).pow(2).mean().backward()
    emb.weight.grad[:5] = 0
    opt.step()
```

## How it is detected

By value: the step's own record says what moved, and what lay in `.grad`. It fires for a parameter whose gradient a pass
had left and the program set to zero before the step, while others kept theirs; for one whose rows a line of the program
sets to zero, if such rows moved; and for one that was frozen, if a step moved it without a pass in between and the
program has assigned no gradient of its own since. A parameter that something else writes to between two steps, as a
program does that puts the values back, is not reported.

## Known problems

Rows are counted from the second write on. Gradients that a hook of the whole sets to zero are not looked at, nor
single elements.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.moves import Mover, UnledMove, Why, moves
from gradtrace.diagnosis.evidence.ownership import called
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Location, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each line that takes gradients away."""
    groups: dict[tuple[Location | None, Why, Mover], list[UnledMove]] = {}
    for one in moves(trace):
        groups.setdefault((one.taken, one.why, one.by), []).append(one)
    for (place, why, by), found in groups.items():
        yield _finding(trace, place, why, by, found)


def _finding(trace: Trace, place: Location | None, why: Why, by: Mover, found: list[UnledMove]) -> Finding:
    first = found[0]
    leaves = tuple(sorted(one.leaf for one in found))
    name, step = called(trace.leaves[leaf] for leaf in leaves), first.step
    are, them = ("is", "it") if len(leaves) == 1 else ("are", "them")
    messages = {
        Why.ROWS: f"rows of {name} have their gradient set to zero here, and step() moves them",
        Why.ZEROED: f"the gradient of {name} is set to zero here, and step() moves it all the same",
        Why.FROZEN: f"{name} {are} frozen here, but step() still moves {them}",
    }
    movers = {
        Mover.DECAY: f"weight decay ({first.rate:g}) moves what has no gradient" if first.rate is not None else "",
        Mover.MOMENTUM: "momentum moves what has no gradient",
        Mover.OLD: "what an earlier pass left in `.grad` is used again",
    }
    optimizer = next((one for one in trace.optimizers if one.id == step.optimizer), None)
    told = notes(
        (step.location, movers[by]),
        (optimizer.location if optimizer is not None else None, "the optimizer is made here"),
    )
    return Finding(
        "moves-without-gradient",
        Severity.WARNING,
        messages[why],
        place,
        tuple(note for note in told if note.location != place),
        _advice(why, by),
        leaves,
        (step.pass_index,) if step.pass_index else (),
    )


def _advice(why: Why, by: Mover) -> str:
    if why is Why.FROZEN:
        return "Set `.grad` to None when you freeze (`zero_grad(set_to_none=True)`): step() skips nothing else."
    if why is Why.ZEROED:
        return "Set `.grad` to None in place of zeros: step() skips only parameters without a gradient."
    if by is Mover.DECAY:
        return (
            "Put the parameter into a group of its own with `weight_decay=0`, or write the rows back after each step."
        )
    return "Write the rows back after each step, or train the other rows as a parameter of their own."


RULE = Rule(
    name="moves-without-gradient",
    severity=Severity.WARNING,
    summary="A step moves parameters whose gradient was set to zero, or that are frozen.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.LEAVES, Statistic.NORM),),
)

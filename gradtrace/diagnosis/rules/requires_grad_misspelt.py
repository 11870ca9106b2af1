"""An attribute that looks like `requires_grad` is assigned, which does nothing.

## What it does

Looks for attributes of parameters that are spelled like `requires_grad`, and for such attributes of modules, where
torch did the opposite of what they say: it trained the parameters, or left them frozen.

## Why is this bad?

A tensor and a module take any attribute without a word. `p.require_grad = False` freezes nothing, and neither does
`module.requires_grad = False`: the weights that were to be kept move.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
features, head = nn.Linear(4, 4), nn.Linear(4, 1)
for p in features.parameters():
    p.require_grad = False
opt = torch.optim.SGD([*features.parameters(), *head.parameters()], lr=0.1)
for _ in range(3):
    opt.zero_grad()
    head(features(torch.randn(8, 4))).pow(2).mean().backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
features, head = nn.Linear(4, 4), nn.Linear(4, 1)
for p in features.parameters():
    p.requires_grad = False
opt = torch.optim.SGD([*features.parameters(), *head.parameters()], lr=0.1)
for _ in range(3):
    opt.zero_grad()
    head(features(torch.randn(8, 4))).pow(2).mean().backward()
    opt.step()
```

## How it is detected

Attributes of parameters and modules that are True or False, and whose name is close to `requires_grad`, are read when
a pass begins and when an optimizer steps for the first time. It fires only where torch did the opposite: the attribute
says False and the parameter got gradients, or it says True and the parameter got none in any pass.

## Known problems

Where several lines assign the attribute, the first is shown. One that `setattr` sets is found without its line.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import rootless
from gradtrace.diagnosis.evidence.errors import notes, of_pass
from gradtrace.diagnosis.evidence.lookalikes import Misspelling, misspellings
from gradtrace.diagnosis.evidence.ownership import called, received
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, Location, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each such attribute."""
    for one in misspellings(trace):
        yield _finding(trace, one)


def _finding(trace: Trace, one: Misspelling) -> Finding:
    leaves = [trace.leaves[leaf] for leaf in one.leaves]
    are, stay = ("is", "stays") if len(leaves) == 1 else ("are", "stay")
    on = " on a module" if one.module is not None else " on a tensor that shares memory" if one.is_beside else ""
    effect = f"unfreezes nothing: {called(leaves)} {stay} so"
    if not one.value:
        effect = f"freezes nothing: {called(leaves)} {are} trained"
    given = next((passes[0].location for leaf in one.leaves if (passes := received(trace).get(leaf))), None)
    step = _step(trace, one)
    place = one.location or given or step
    told = notes((given, "this pass gives them gradients"), (step, "this step trains them"))
    if one.is_beside:
        advice = "Set it on the parameter itself: `.data`, `detach()` and `state_dict()` give other tensors."
    elif one.module is not None:
        advice = f"Call `requires_grad_({one.value})` on the module: it switches all its parameters."
    else:
        advice = f"Write `requires_grad = {one.value}`: any other name is a new attribute that torch does not read."
    dead = rootless(trace) if one.value else None
    is_sure = (one.is_close and one.module is None) or dead is not None
    frozen = set(one.leaves) if dead is None else {*one.leaves, *_frozen(trace)}
    if dead is not None:
        told = (*told, *notes((dead.location, "backward finds nothing to train")))
    return Finding(
        "requires-grad-misspelt",
        Severity.ERROR if is_sure else Severity.WARNING,
        f"`{one.attribute} = {one.value}`{on} {effect}",
        place,
        tuple(note for note in told if note.location != place),
        advice,
        tuple(sorted(frozen)),
        of_pass(dead),
    )


def _frozen(trace: Trace) -> set[int]:
    """What the program froze: where nothing is left to train, all of it is."""
    switches = (event for event in trace.events if event.kind == EventKind.REQUIRES_GRAD)
    return {leaf for event in switches if event.requires_grad is False for leaf in event.leaves}


def _step(trace: Trace, one: Misspelling) -> Location | None:
    wanted = set(one.leaves)
    steps = (event for event in trace.events if event.kind == EventKind.STEP)
    return next((event.location for event in steps if wanted.intersection(event.leaves)), None)


RULE = Rule(
    name="requires-grad-misspelt",
    severity=Severity.ERROR,
    summary="An attribute that looks like `requires_grad` is assigned, which does nothing.",
    check=check,
    page=__doc__ or "",
)

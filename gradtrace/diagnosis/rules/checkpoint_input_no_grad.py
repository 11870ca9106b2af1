"""A reentrant checkpoint gets no input that requires grad.

## What it does

Looks for parameters that are used in a function which `torch.utils.checkpoint` runs with `use_reentrant=True`, and that
get no gradient because no tensor that goes into the checkpoint requires grad.

## Why is this bad?

Such a checkpoint asks autograd to come back only if one of its inputs requires grad. If none does, nothing in it is
differentiated: every parameter inside keeps a gradient of None. That is what happens when the layers before are frozen,
as with adapters on a frozen model.

## Example

```python
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
embed = nn.Embedding(10, 8).requires_grad_(False)
block, head = nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 10)
opt = torch.optim.SGD([*block.parameters(), *head.parameters()], lr=0.1)
ids = torch.arange(10)
for _ in range(3):
    opt.zero_grad()
    h = checkpoint(block, embed(ids), use_reentrant=True)
    nn.functional.cross_entropy(head(h), ids).backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
embed = nn.Embedding(10, 8).requires_grad_(False)
block, head = nn.Sequential(nn.Linear(8, 8), nn.Tanh()), nn.Linear(8, 10)
opt = torch.optim.SGD([*block.parameters(), *head.parameters()], lr=0.1)
ids = torch.arange(10)
for _ in range(3):
    opt.zero_grad()
    h = checkpoint(block, embed(ids), use_reentrant=False)
    nn.functional.cross_entropy(head(h), ids).backward()
    opt.step()
```

## How it is detected

Every place is recorded where a value that requires grad goes in and one that does not comes out, with the leaves
above it and with what had switched gradients off there. A checkpoint did, its result comes back into the graph of a
pass, and leaves that were used in it, held by an optimizer, get nothing from any pass; or backward fails because
nothing else is left.

## Known problems

A parameter that is used outside of the checkpoint too, and gets a gradient there, is not named.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import Loss, Reason, complaint, losses
from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each such checkpoint."""
    for loss in losses(trace):
        if loss.reason is Reason.CHECKPOINTED:
            yield _finding(loss)


def _finding(loss: Loss) -> Finding:
    cut, backward = loss.cut, loss.backward
    switch = cut.switch
    place = switch.location if switch is not None else None
    library = place.via if place is not None else None
    related = notes(
        (cut.location, f"`{cut.call}` runs in it while gradients are off"),
        (library, "a library calls `checkpoint` here"),
        (cut.reentry, "its result comes back here, as a constant"),
        (backward.location if backward is not None else None, "backward finds no graph here"),
    )
    return Finding(
        "checkpoint-input-no-grad",
        Severity.ERROR,
        f"{complaint(loss)}: no input of the checkpoint requires grad",
        place or cut.location,
        tuple(note for note in related if note.location != place),
        "Call `checkpoint(..., use_reentrant=False)`, or make its input require grad (with transformers: "
        "`model.enable_input_require_grads()`).",
        tuple(leaf.id for leaf in loss.leaves),
        cut.passes or (() if backward is None else (backward.index,)),
    )


RULE = Rule(
    name="checkpoint-input-no-grad",
    severity=Severity.ERROR,
    summary="A reentrant checkpoint gets no input that requires grad: nothing in it is trained.",
    check=check,
    page=__doc__ or "",
)

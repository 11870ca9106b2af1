"""Weights are set to zero once, and training brings them back.

## What it does

Looks for parameters of which a line of the program sets a part to zero (pruning, a masked layer), and which the passes
after it use with that part no longer zero.

## Why is this bad?

A zero is a value like any other: the next step moves it. The pruned connections come back, and the sparsity or the
order that the mask was to keep is lost without a word.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(6, 3)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(16, 6), torch.randn(16, 3)
for step in range(6):
    opt.zero_grad()
    (model(x) - y).pow(2).mean().backward()
    opt.step()
    if step == 1:
        mask = (model.weight.abs() > model.weight.abs().median()).float()
        model.weight.data.mul_(mask)
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(6, 3)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(16, 6), torch.randn(16, 3)
mask = None
for step in range(6):
    opt.zero_grad()
    (model(x) - y).pow(2).mean().backward()
    opt.step()
    if step == 1:
        mask = (model.weight.abs() > model.weight.abs().median()).float()
    if mask is not None:
        model.weight.data.mul_(mask)
```

## How it is detected

While passes are recorded in full, what a write leaves at zero in a parameter is looked at again when a pass begins. It
fires when some of it is not zero in two passes in a row; so a mask that is applied in each forward pass, or after each
step, is never reported, nor one of whole rows or columns, or one that its line has kept up for a while. Where the same
line does it again later, the zeros may be meant to come back: it is told as a suspicion.

Before the optimizer's first step only a mask that multiplies counts, and it is told as a suspicion: a sparse beginning
may be meant.

## Known problems

A mask that is assigned as a new tensor (`p.data = p.data * mask`) is not seen, nor one that is applied after the passes
that are recorded in full.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.ownership import called, owners
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, Location, LostMask, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each line whose zeros came back."""
    groups: dict[tuple[Location | None, bool], list[LostMask]] = {}
    owned = owners(trace)
    for one in trace.lost_masks:
        if one.leaf in owned:
            groups.setdefault((one.location, one.is_late), []).append(one)
    for (place, is_late), found in groups.items():
        yield _finding(trace, place, found, is_late=is_late)


def _finding(trace: Trace, place: Location | None, found: list[LostMask], *, is_late: bool) -> Finding:
    leaves = tuple(sorted({one.leaf for one in found}))
    is_again = len(found) > len(leaves)  # these zeros may come back until the next time
    n_zeros, n_back = sum(one.n_zeros for one in found), sum(one.n_back for one in found)
    wanted = set(leaves)
    step = next((e.location for e in trace.events if e.kind == EventKind.STEP and wanted.intersection(e.leaves)), None)
    return Finding(
        "mask-applied-once",
        Severity.WARNING if is_late and not is_again else Severity.INFO,
        f"{n_back:,} of {n_zeros:,} zeros set here in {called(trace.leaves[leaf] for leaf in leaves)} come back",
        place,
        tuple(note for note in notes((step, "step() moves them off zero")) if note.location != place),
        "Apply the mask after each step, or in each forward pass to the weights that are used: "
        "`F.linear(x, self.weight * self.mask)`, or `torch.nn.utils.prune`.",
        leaves,
        (found[0].pass_index,),
    )


RULE = Rule(
    name="mask-applied-once",
    severity=Severity.WARNING,
    summary="Weights are set to zero once, and training brings them back.",
    check=check,
    page=__doc__ or "",
)

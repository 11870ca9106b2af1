"""The running statistics of a frozen part move, because it is in train mode.

## What it does

Looks for BatchNorm layers whose parameters are frozen, in a part of the model that is frozen with them, and whose
running mean moves from pass to pass.

## Why is this bad?

Freezing parameters does not stop the running mean and variance: in train mode every forward pass moves them, and the
layer uses the statistics of the batch besides. The features that were to be kept change, and the model behaves
otherwise in eval mode than it did.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
backbone = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())
backbone.requires_grad_(False)
model = nn.Sequential(backbone, nn.Linear(4, 1))
opt = torch.optim.SGD(model[1].parameters(), lr=0.1)
for _ in range(4):
    model.train()
    opt.zero_grad()
    model(torch.randn(8, 4) + 1).pow(2).mean().backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
backbone = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())
backbone.requires_grad_(False)
model = nn.Sequential(backbone, nn.Linear(4, 1))
opt = torch.optim.SGD(model[1].parameters(), lr=0.1)
for _ in range(4):
    model.train()
    backbone.eval()
    opt.zero_grad()
    model(torch.randn(8, 4) + 1).pow(2).mean().backward()
    opt.step()
```

## How it is detected

When a pass begins, the running mean of each such layer is compared with what it was when the last one began. It fires
when it moved twice in a row while the layer was in train mode, no parameter of the smallest part around the layer
required grad, or had a gradient or an optimizer, or was written to, and none of the layer's own ever got a gradient. A
network that follows another (a momentum encoder, an average of weights) is written to, if only now and then, and is
none of these; one that was not frozen is not reported either if another with the same layer is trained (a target
network).

## Known problems

Layers without parameters of their own (`affine=False`) are not looked at. Statistics that are adapted to new data on
purpose, in a frozen model, are reported too; so is a network that begins to follow another after the passes that were
recorded in full.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.analysis.once import once
from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.ownership import owners, received
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import EventKind, Finding, Leaf, Location, MovingNorm, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for the layers that one line put into train mode."""
    groups: dict[tuple[Location | None, bool], list[MovingNorm]] = {}
    given, owned = received(trace), owners(trace)
    seen: set[tuple[int, str | None, tuple[int, ...]]] = set()
    for one in trace.moving_norms:
        key = (one.process, one.module, one.leaves)
        if not one.count or key in seen:
            continue
        seen.add(key)
        is_trained = any(leaf in given or (leaf in owned and not one.is_frozen) for leaf in one.leaves)
        if not is_trained and (one.is_frozen or not _has_twin(trace, one)):
            groups.setdefault((one.location, one.is_frozen), []).append(one)
    for (place, _), layers in groups.items():
        yield _finding(trace, place, layers)


def _has_twin(trace: Trace, one: MovingNorm) -> bool:
    """Whether another network with the same layer is trained: this one may stand for it (a target network)."""
    return any(_key(trace.leaves[leaf]) in _trained(trace) for leaf in one.leaves)


@once
def _trained(trace: Trace) -> frozenset[tuple[str, tuple[int, ...]]]:
    return frozenset(_key(trace.leaves[leaf]) for leaf in owners(trace))


def _key(leaf: Leaf) -> tuple[str, tuple[int, ...]]:
    """The name of a leaf without that of its model, and its shape."""
    return leaf.name.partition(".")[2], leaf.shape


def _finding(trace: Trace, place: Location | None, layers: list[MovingNorm]) -> Finding:
    leaves = tuple(sorted({leaf for one in layers for leaf in one.leaves}))
    frozen = _frozen_at(trace, leaves)
    made = next((trace.leaves[leaf].location for leaf in leaves), None)
    moved = next((one.location for one in trace.passes if one.index == layers[0].pass_index), None)
    location = place or frozen or made or moved
    told = notes(
        (frozen, "its parameters are frozen here"), (moved, "before this pass, the forward pass has moved them")
    )
    their = "its" if len(layers) == 1 else "their"
    state = "frozen" if layers[0].is_frozen else "not trained"
    return Finding(
        "batchnorm-of-frozen-moves",
        Severity.WARNING,
        f"{_called(layers)} {state}, but {their} running statistics move: train mode is on",
        location,
        tuple(note for note in told if note.location != location),
        "Call `eval()` on the frozen part after each `train()`, or override `train` of the model to do so: "
        "`requires_grad = False` does not stop the running mean and variance.",
        leaves,
        (layers[0].pass_index,),
    )


def _called(layers: list[MovingNorm]) -> str:
    first = layers[0].module or f"the {layers[0].module_type}"
    if len(layers) == 1:
        return f"{first} is"
    more = len(layers) - 1
    return f"{first} and {more} other normalization layer{'s' if more > 1 else ''} are"


def _frozen_at(trace: Trace, leaves: tuple[int, ...]) -> Location | None:
    """The line that switched `requires_grad` off for them."""
    wanted = set(leaves)
    switches = (one for one in trace.events if one.kind == EventKind.REQUIRES_GRAD and one.requires_grad is False)
    return next((one.location for one in switches if wanted.intersection(one.leaves)), None)


RULE = Rule(
    name="batchnorm-of-frozen-moves",
    severity=Severity.WARNING,
    summary="The running statistics of a frozen part move, because it is in train mode.",
    check=check,
    page=__doc__ or "",
)

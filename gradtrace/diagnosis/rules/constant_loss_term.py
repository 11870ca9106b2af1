"""A loss is computed from nothing that trains, and added to the others.

## What it does

Looks for a loss function whose result never has a graph, because neither of its arguments derives from a parameter,
and which is added to the loss all the same.

## Why is this bad?

The term changes the number that is printed and no gradient. Mostly one argument is the wrong one: the teacher is
compared with itself, the target with the target.

## Example

```python
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
teacher, student = nn.Linear(4, 3), nn.Linear(4, 3)
opt = torch.optim.SGD(student.parameters(), lr=0.1)
x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
for _ in range(3):
    with torch.no_grad():
        wanted = teacher(x)
    given = student(x)
    soft = F.mse_loss(wanted.softmax(-1), wanted.softmax(-1))
    loss = F.cross_entropy(given, y) + 0.5 * soft
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
teacher, student = nn.Linear(4, 3), nn.Linear(4, 3)
opt = torch.optim.SGD(student.parameters(), lr=0.1)
x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
for _ in range(3):
    with torch.no_grad():
        wanted = teacher(x)
    given = student(x)
    soft = F.mse_loss(given.softmax(-1), wanted.softmax(-1))
    loss = F.cross_entropy(given, y) + 0.5 * soft
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## How it is detected

Results of loss functions that have no graph, although gradients are on, are followed until they are added to a value
with a graph that is part of a pass. The values added are single numbers, and go on to the loss through sums, means and
constant factors alone: inside a logarithm or a square a constant is an offset, and changes gradients. A call that gave
a result with a graph at any other time (a part that is frozen for a while) is not reported. What happened once is only
an information.

## Known problems

A term that is added to the loss only to have it in the printed total is reported too. Losses that are written out by
hand are not seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import notes
from gradtrace.diagnosis.evidence.shapes import consumers, targets
from gradtrace.diagnosis.rule import Rule
from gradtrace.formulas import traits
from gradtrace.model import ConstantTerm, Finding, Severity, Trace
from gradtrace.model.location import same_place

_FEWEST = 2


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such term."""
    for one in trace.constant_terms:
        if one.n_tracked or one.location is None or not one.passes or _is_inside(trace, one):
            continue
        what = f"`{one.name}`" if one.name else f"This `{one.call}`"
        told = notes((one.entered, "it is added here to what does train"))
        yield Finding(
            "constant-loss-term",
            Severity.WARNING if one.count >= _FEWEST or _is_in_loop(trace, one) else Severity.INFO,
            f"{what} adds a constant to the loss: neither argument of `{one.call}` has a graph",
            one.location,
            tuple(note for note in told if note.location != one.location),
            "Look at both arguments: is one of them meant to be the output of the model that is trained? A term that "
            "is only for the log need not be added.",
            (),
            one.passes,
        )


def _is_inside(trace: Trace, term: ConstantTerm) -> bool:
    """Whether something between the sum and the root makes its gradient depend on the term: a logarithm, a square."""
    backward = next((one for one in trace.passes if one.index == term.passes[0]), None)
    if backward is None or backward.graph is None:
        return False
    graph = backward.graph
    waiting = [node for node in graph.nodes if traits.of(node).is_linear and node.location == term.entered]
    seen: set[int] = set()
    while waiting:
        for user in consumers(graph, waiting.pop()):
            if user.id in seen:
                continue
            seen.add(user.id)
            op = traits.of(user)
            if not op.is_linear and not (op.is_scaling and len(targets(graph, user)) == 1):
                return True
            waiting.append(user)
    return False


def _is_in_loop(trace: Trace, term: ConstantTerm) -> bool:
    """Whether the pass after it runs again and again: later ones may only have been counted."""
    backward = next((one for one in trace.passes if one.index == term.passes[0]), None)
    if backward is None:
        return False
    same = (one.count for one in trace.passes if same_place(one.location, backward.location))
    return sum(same) >= _FEWEST


RULE = Rule(
    name="constant-loss-term",
    severity=Severity.WARNING,
    summary="A loss is computed from nothing that trains, and added to the others.",
    check=check,
    page=__doc__ or "",
)

"""Gradients flow into the target of a loss.

## What it does

Looks for losses whose target, by its name or by what it is made of, requires grad and depends on the same parameters as
the prediction.

## Why is this bad?

The target is pulled towards the prediction as well: values drift although the loss falls.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
q_net = nn.Linear(3, 2)
opt = torch.optim.SGD(q_net.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    state, following = torch.randn(8, 3), torch.randn(8, 3)
    q = q_net(state).max(dim=1).values
    target = 1.0 + 0.9 * q_net(following).max(dim=1).values
    loss = nn.functional.mse_loss(q, target)
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
q_net = nn.Linear(3, 2)
opt = torch.optim.SGD(q_net.parameters(), lr=0.1)
for _ in range(3):
    opt.zero_grad()
    state, following = torch.randn(8, 3), torch.randn(8, 3)
    q = q_net(state).max(dim=1).values
    target = 1.0 + 0.9 * q_net(following).max(dim=1).values.detach()
    loss = nn.functional.mse_loss(q, target)
    loss.backward()
    opt.step()
```

## How it is detected

The target argument of a loss of torch, or one side of a difference, is called `target` (`td_target`, `teacher`, ...),
is part of the graph, and shares leaves with the other side. So is, by any name, a constant plus a scaled result of the
network whose result the other side is: a reward and the discounted value of what follows.

## Known problems

Targets by other names that are made otherwise are not recognized.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradtrace.diagnosis.evidence.bootstrapped import is_bootstrapped
from gradtrace.diagnosis.evidence.ownership import above
from gradtrace.diagnosis.evidence.shapes import outgoing
from gradtrace.diagnosis.rule import Rule
from gradtrace.formulas import traits
from gradtrace.model import Finding, RelatedLocation, Severity, Trace

_TARGET = re.compile(r"(^|_)(targets?|teacher)(_(q|v|values?))?$")


def check(trace: Trace) -> Iterator[Finding]:
    """Yield one finding for each line of a loss whose target is trained."""
    seen: set[tuple[str, int]] = set()
    looked: set[tuple[str, int, int]] = set()
    for backward in trace.passes:
        graph = backward.graph
        for edge in () if graph is None else graph.edges:
            if graph is None:
                continue
            node, target = graph.nodes[edge.source], graph.nodes[edge.target]
            if edge.sent is None or (edge.input != "target" and not traits.of(node).compares):
                continue
            others = [one.target for one in outgoing(graph, node) if one.slot != edge.slot]
            place = target.location
            if not others or place is None or (place.file, place.line, backward.index) in looked:
                continue
            is_named = target.name is not None and _TARGET.search(target.name) is not None
            if not is_named and not is_bootstrapped(graph, target, others):
                continue
            looked.add((place.file, place.line, backward.index))
            shared = above(graph, edge.target).intersection(*(above(graph, other) for other in others))
            if not shared or place.source_line in seen:
                continue
            seen.add(place.source_line)
            yield Finding(
                "target-not-detached",
                Severity.WARNING,
                f"gradients flow into {target.name or 'this value'}, the target of the loss",
                place,
                () if node.location is None else (RelatedLocation(node.location, "the loss compares with it here"),),
                f"Compute it under `torch.no_grad()`, or use `{target.name or 'target'}.detach()`.",
                tuple(sorted(shared)),
                (backward.index,),
            )


RULE = Rule(
    name="target-not-detached",
    severity=Severity.WARNING,
    summary="Gradients flow into the target of a loss.",
    check=check,
    page=__doc__ or "",
)

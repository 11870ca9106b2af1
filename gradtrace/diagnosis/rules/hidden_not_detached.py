"""A state carried to the next iteration still belongs to the graph of the last one.

## What it does

Looks for a value of one iteration (the hidden state of an RNN) that enters the graph of the next one, whose backward
then runs into what the first backward has freed.

## Why is this bad?

Backward stops. With `retain_graph=True` instead, every pass would walk through all earlier iterations.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
cell = nn.RNNCell(3, 4)
h = torch.zeros(1, 4)
for _ in range(3):
    h = cell(torch.randn(1, 3), h)
    h.sum().backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
cell = nn.RNNCell(3, 4)
h = torch.zeros(1, 4)
for _ in range(3):
    h = cell(torch.randn(1, 3), h.detach())
    h.sum().backward()
```

## How it is detected

Every node is stamped with the number of passes that had begun when it was made, and with the pass that freed it. When
backward meets a freed node, the edge that leads from the new part of the graph to the old one is what was carried
over. Here the same line makes such a value anew in the new part.

## Known problems

Passes that were not recorded in full leave no stamps: record more of them with `--passes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import node_name
from gradtrace.diagnosis.evidence.lineage import Reason, finding, revisit
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = revisit(trace)
    if found is not None and found.reason is Reason.STATE:
        name = node_name(found.carried)
        yield finding(
            "hidden-not-detached",
            found,
            f"{name} is carried over from an iteration whose graph is already freed",
            f"Cut the graph between iterations: {_detached(name)} (each element, if it is a tuple).",
        )


def _detached(name: str) -> str:
    """The statement that cuts a state off, where its name can stand in one."""
    return f"`{name} = {name}.detach()`" if re.fullmatch(r"[\w.]+(\[\w+\])?", name) else "`.detach()` the state"


RULE = Rule(
    name="hidden-not-detached",
    severity=Severity.ERROR,
    summary="A state carried to the next iteration still belongs to the graph of the last one.",
    check=check,
    page=__doc__ or "",
)

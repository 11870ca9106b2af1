"""A list still holds tensors of an iteration whose graph is freed.

## What it does

Looks for old and new values of one line that enter the loss side by side: a list of log-probabilities that is not
emptied between episodes.

## Why is this bad?

Backward runs into the freed graph of the last episode and stops.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Linear(3, 1)
saved = []
for _ in range(2):
    for _ in range(2):
        saved.append(torch.tanh(policy(torch.randn(3))))
    torch.cat(saved).sum().backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Linear(3, 1)
saved = []
for _ in range(2):
    for _ in range(2):
        saved.append(torch.tanh(policy(torch.randn(3))))
    torch.cat(saved).sum().backward()
    saved.clear()
```

## How it is detected

Every node is stamped with the number of passes that had begun when it was made, and with the pass that freed it. When
backward meets a freed node, the edge that leads from the new part of the graph to the old one is what was carried
over. Here the same line makes values in the new part that do not depend on the old ones.

## Known problems

Passes that were not recorded in full leave no stamps: record more of them with `--passes`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import node_name
from gradtrace.diagnosis.evidence.lineage import Reason, finding, revisit
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = revisit(trace)
    if found is not None and found.reason is Reason.LIST:
        name = node_name(found.carried)
        yield finding(
            "stale-list-second-backward",
            found,
            f"{name} of an earlier iteration is still in the loss, and its graph is freed",
            "Empty the list after each step: `saved.clear()`.",
        )


RULE = Rule(
    name="stale-list-second-backward",
    severity=Severity.ERROR,
    summary="A list still holds tensors of an iteration whose graph is freed.",
    check=check,
    page=__doc__ or "",
)

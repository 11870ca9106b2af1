"""Two backward passes share a part of the graph that the first one frees.

## What it does

Looks for a second backward (of another loss, or of the same one) through nodes that an earlier one has freed in the
same iteration.

## Why is this bad?

Backward stops: the first pass freed the saved tensors of everything that it went through.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
trunk = nn.Linear(3, 4)
h = torch.tanh(trunk(torch.randn(2, 3)))
loss_a, loss_b = h.pow(2).mean(), h.exp().mean()
loss_a.backward()
loss_b.backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
trunk = nn.Linear(3, 4)
h = torch.tanh(trunk(torch.randn(2, 3)))
loss_a, loss_b = h.pow(2).mean(), h.exp().mean()
(loss_a + loss_b).backward()
```

## How it is detected

Every node is stamped with the number of passes that had begun when it was made, and with the pass that freed it. When
backward meets a freed node, the edge that leads from the new part of the graph to the old one is what was carried
over. Here the earlier pass started at another line, or nothing in the graph is newer than that pass.

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
    if found is not None and found.reason is Reason.SHARED:
        name = node_name(found.carried)
        yield finding(
            "backward-twice-shared-graph",
            found,
            f"{name} is shared with an earlier backward pass, which has freed it",
            "Add the losses and call `backward()` once, or pass `retain_graph=True` to the first.",
        )


RULE = Rule(
    name="backward-twice-shared-graph",
    severity=Severity.ERROR,
    summary="Two backward passes share a part of the graph that the first one frees.",
    check=check,
    page=__doc__ or "",
)

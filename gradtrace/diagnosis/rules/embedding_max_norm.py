"""A lookup with `max_norm` changes the embedding's weight, which something else had used.

## What it does

Looks for embeddings with `max_norm` whose weight is used as a whole, too, before a lookup.

## Why is this bad?

`max_norm` shortens the rows that are looked up, in place, in every lookup. What used the weight before needs the old
values for its derivative, and backward stops.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
table = nn.Embedding(6, 4, max_norm=1.0)
proj = nn.Linear(4, 4)
keys = proj(table.weight)
query = table(torch.tensor([1, 2, 3]))
(query @ keys.T).sum().backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
table = nn.Embedding(6, 4, max_norm=1.0)
proj = nn.Linear(4, 4)
keys = proj(table.weight.clone())
query = table(torch.tensor([1, 2, 3]))
(query @ keys.T).sum().backward()
```

## How it is detected

Every write into a tensor that autograd keeps is recorded with its line and the version that it left behind. When
backward stops because a saved tensor is newer than what was saved, the writes between the two versions are the cause.
This rule names those where a lookup did the write.

## Known problems

Only the first tensor that torch stumbles over is named: the next one appears when this one is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.overwrites import Reason, finding, overwrite, overwritten_leaf
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = overwrite(trace)
    if found is not None and found.reason is Reason.LOOKUP:
        leaf = overwritten_leaf(trace, found)
        yield finding(
            "embedding-max-norm",
            found,
            f"This lookup shortens rows of {found.name} to max_norm in place, which backward still needs",
            f"Use `{found.name}.clone()` where it is used as a whole, or leave out `max_norm`.",
            ((leaf.location if leaf is not None else None, "the embedding with `max_norm` is made here"),),
        )


RULE = Rule(
    name="embedding-max-norm",
    severity=Severity.ERROR,
    summary="An embedding with `max_norm` changes its weight in a lookup after something else has used it.",
    check=check,
    page=__doc__ or "",
)

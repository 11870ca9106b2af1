"""A model that keeps a computed tensor is deep-copied.

## What it does

Looks for `copy.deepcopy` of an object that holds a tensor with a graph, such as `self.state = h`.

## Why is this bad?

torch refuses: a copy of the tensor would need a copy of its graph.

## Example

```python
import copy

import torch
from torch import nn

model = nn.Linear(2, 2)
model.last = model(torch.randn(1, 2))
best = copy.deepcopy(model)
```

## Use instead

```python
import copy

import torch
from torch import nn

model = nn.Linear(2, 2)
model.last = model(torch.randn(1, 2)).detach()
best = copy.deepcopy(model)
```

## How it is detected

The exception that ended the program is recorded with the user's line; its text is torch's own. When it comes, the
tensor that torch refused is looked for among what the program's variables lead to, and the line that stores it there
among the methods of what holds it.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.kept import uncopied
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    yield from uncopied(
        trace,
        "deepcopy-nonleaf",
        "support the deepcopy protocol",
        "cannot be deep-copied",
        "it is copied here",
    )


RULE = Rule(
    name="deepcopy-nonleaf",
    severity=Severity.ERROR,
    summary="A model that keeps a computed tensor is deep-copied.",
    check=check,
    page=__doc__ or "",
)

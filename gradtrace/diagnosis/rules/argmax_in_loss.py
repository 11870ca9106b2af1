"""A choice without a derivative (argmax, a comparison) stands before the loss.

## What it does

Looks for `argmax`, comparisons and casts to integers between parameters and the loss.

## Why is this bad?

Their results are integers or booleans: no gradient can flow through them.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
guess = model(torch.randn(8, 4)).argmax(dim=1)
loss = (guess != torch.randint(0, 3, (8,))).float().mean()
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 3)
scores = model(torch.randn(8, 4))
loss = nn.functional.cross_entropy(scores, torch.randint(0, 3, (8,)))
loss.backward()
```

## How it is detected

Every place is recorded where a value that requires grad goes in and one that does not comes out, with the leaves
above it. Such a place is reported when its result comes back into the graph of a pass while leaves above it, held by
an optimizer, get nothing from any pass; or when backward fails because nothing else is left.

## Known problems

A leaf that gets a gradient along another path counts as served: a cut that removes one of several paths is taken as
meant. A leaf that no optimizer holds is not expected to be trained.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import Reason, complaint, finding, losses
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such place."""
    for loss in losses(trace):
        if loss.reason is Reason.PICKED:
            yield finding(
                "argmax-in-loss",
                loss,
                Severity.WARNING,
                f"{complaint(loss)}: `{loss.cut.call}` cannot be differentiated",
                "Compute the loss from scores or probabilities (`F.cross_entropy`), not from the choice.",
            )


RULE = Rule(
    name="argmax-in-loss",
    severity=Severity.WARNING,
    summary="A choice without a derivative (argmax, a comparison) stands before the loss.",
    check=check,
    page=__doc__ or "",
)

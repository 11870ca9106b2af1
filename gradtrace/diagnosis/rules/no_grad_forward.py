"""The forward pass runs with gradients switched off.

## What it does

Looks for computations under `torch.no_grad()` or `torch.inference_mode()` whose results a loss is computed from, and
shows the `with` block, the decorated function, the `forward` of a custom Function or the library that switched
gradients off there.

## Why is this bad?

No graph is built there: backward fails, or the parameters used there get nothing.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)


@torch.no_grad()
def predict(x):
    return model(x)


loss = predict(torch.randn(8, 4)).pow(2).mean()
loss.backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 1)
loss = model(torch.randn(8, 4)).pow(2).mean()
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

from gradtrace.diagnosis.evidence.cut_points import Reason, complaint, finding, losses, starts_inside
from gradtrace.diagnosis.evidence.switched_off import by_what, repair
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such place."""
    for loss in losses(trace):
        if loss.reason is Reason.NO_GRAD:
            yield finding(
                "no-grad-forward",
                loss,
                Severity.WARNING,
                f"{complaint(loss)}: `{loss.cut.call}` runs {by_what(loss.cut)}",
                repair(loss.cut, is_pass_inside=loss.backward is not None and starts_inside(trace, loss.cut)),
            )


RULE = Rule(
    name="no-grad-forward",
    severity=Severity.WARNING,
    summary="The forward pass runs with gradients switched off.",
    check=check,
    page=__doc__ or "",
)

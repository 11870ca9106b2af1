"""A result is wrapped in a new `nn.Parameter`, a fresh leaf without history.

## What it does

Looks for `nn.Parameter(expression)` of a computed value.

## Why is this bad?

Gradients end up in the temporary parameter; what it was computed from gets none.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
encoder, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
x = torch.randn(8, 4)
for _ in range(3):
    opt.zero_grad()
    code = encoder(x)
    code = nn.Parameter(code)
    loss = (decoder(code) - x).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
encoder, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
x = torch.randn(8, 4)
for _ in range(3):
    opt.zero_grad()
    code = encoder(x)
    code = code * 1.0
    loss = (decoder(code) - x).pow(2).mean()
    loss.backward()
    opt.step()
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
        if loss.reason is Reason.REWRAPPED:
            yield finding(
                "parameter-rewrap",
                loss,
                Severity.WARNING,
                f"{complaint(loss)}: `nn.Parameter(...)` makes it a new leaf",
                "Use the expression itself; `nn.Parameter` is for values that are trained directly, and made once.",
            )


RULE = Rule(
    name="parameter-rewrap",
    severity=Severity.WARNING,
    summary="A result is wrapped in a new `nn.Parameter`, a fresh leaf without history.",
    check=check,
    page=__doc__ or "",
)

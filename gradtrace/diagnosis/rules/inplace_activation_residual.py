"""An in-place activation or shortcut overwrites a tensor that is needed elsewhere.

## What it does

Looks for in-place activations (`nn.ReLU(inplace=True)`, `F.relu_`) and shortcuts (`x += shortcut`) that overwrite a
tensor which another operation keeps for its backward.

## Why is this bad?

Backward stops. The module that overwrites looks innocent where it is called: the write is not to be seen in the
source line.

## Example

```python
import torch
from torch import nn

layer, act = nn.Linear(4, 4), nn.ReLU(inplace=True)
x = torch.randn(2, 4)
h = torch.tanh(layer(x))
out = act(h) + h * x
out.sum().backward()
```

## Use instead

```python
import torch
from torch import nn

layer, act = nn.Linear(4, 4), nn.ReLU()
x = torch.randn(2, 4)
h = torch.tanh(layer(x))
out = act(h) + h * x
out.sum().backward()
```

## How it is detected

Every write into a tensor that autograd keeps is recorded with its line and the version that it left behind. When
backward stops because a saved tensor is newer than what was saved, the writes between the two versions are the cause.
This rule names those where an activation or a shortcut did the write.

## Known problems

Only the first tensor that torch stumbles over is named: the next one appears when this one is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.overwrites import Reason, finding, overwrite
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    found = overwrite(trace)
    if found is not None and found.reason is Reason.ACTIVATION:
        yield finding(
            "inplace-activation-residual",
            found,
            f"An in-place activation overwrites {found.name}, which backward still needs",
            "Use `inplace=False` (or `x = x + shortcut`): the saved memory is not worth the tensor.",
        )


RULE = Rule(
    name="inplace-activation-residual",
    severity=Severity.ERROR,
    summary="An in-place activation or shortcut overwrites a tensor that is needed elsewhere.",
    check=check,
    page=__doc__ or "",
)

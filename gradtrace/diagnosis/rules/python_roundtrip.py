"""Values travel through Python or NumPy on their way to the loss.

## What it does

Looks for `.tolist()` and `.numpy()` of values that parameters have a part in and that the loss is then computed from.

## Why is this bad?

A Python number or a NumPy array has no history: the parameters above it get no gradient.

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
    code = torch.tensor([row.tolist() for row in code])
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
    code = torch.stack([row for row in code])
    loss = (decoder(code) - x).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

Every place is recorded where a value that requires grad goes in and one that does not comes out, with the leaves
above it. Such a place is reported when its result comes back into the graph of a pass while leaves above it, held by
an optimizer, get nothing from any pass; or when backward fails because nothing else is left. So are numbers that
`float()` or `.item()` take one by one, several in a pass, and that get a name.

## Known problems

A leaf that gets a gradient along another path counts as served: a cut that removes one of several paths is taken as
meant. A leaf that no optimizer holds is not expected to be trained.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import Reason, complaint, finding, losses
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Cut, Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such place."""
    for loss in losses(trace):
        if loss.reason is Reason.PYTHON_VALUES:
            yield finding(
                "python-roundtrip",
                loss,
                Severity.WARNING,
                f"{complaint(loss)}: `{_called(loss.cut)}` takes values out of the graph",
                "Stay in torch: combine tensors with `torch.stack` or `torch.cat` instead of lists of numbers.",
            )


def _called(cut: Cut) -> str:
    """The call as it is written: `.tolist()`, but `float()`."""
    plain = cut.call.strip("_")
    return f".{cut.call}()" if plain == cut.call else f"{plain}()"


RULE = Rule(
    name="python-roundtrip",
    severity=Severity.WARNING,
    summary="Values travel through Python or NumPy on their way to the loss.",
    check=check,
    page=__doc__ or "",
)

"""A call of torch's is given tensors that lie on different devices.

## What it does

Looks for programs that end because the tensors of one call lie on different devices, and says which lies where.

## Why is this bad?

The program ends: torch moves no tensor by itself, except a single number.

## Example

```python
import torch
from torch import nn

layer = nn.Linear(3, 1)
layer(torch.randn(2, 3, device="meta")).sum().backward()
```

## Use instead

```python
import torch
from torch import nn

layer = nn.Linear(3, 1)
layer(torch.randn(2, 3)).sum().backward()
```

## How it is detected

The program ended with an exception of torch's that speaks of devices, and the tensors that the call was given lie on
several.

## Known problems

The tensor that was forgotten need not be the one to move: `.to(device)` of a tensor gives a new one, `.to(device)` of a
module changes the module.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.rejected import Misfit, listed, made, name, rejected
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace
from gradtrace.text import wording


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding, if the program ended so."""
    found = rejected(trace, Misfit.DEVICE)
    if found is None:
        return
    where: dict[str, list[str]] = {}
    for one in found.call.tensors:
        where.setdefault(one.device, []).append(name(one))
    if len(where) == 1:
        yield Finding(
            "mismatched-devices",
            Severity.ERROR,
            f"{found.who} complains of a device: it was given {listed(found)}",
            found.place,
            made(found),
            f"It says: {found.first_line}",
        )
        return
    sides = [f"{wording.listing(names, 3)} on {device}" for device, names in where.items()]
    yield Finding(
        "mismatched-devices",
        Severity.ERROR,
        f"{found.who} was given tensors on different devices: {', '.join(sides)}",
        found.place,
        made(found),
        "Move them to one: `x = x.to(device)` for a tensor, `model.to(device)` for a module and its parameters.",
    )


RULE = Rule(
    name="mismatched-devices",
    severity=Severity.ERROR,
    summary="A call of torch's is given tensors that lie on different devices.",
    check=check,
    page=__doc__ or "",
)

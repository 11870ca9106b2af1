"""`autograd.grad` is asked for a tensor that the result was not computed from.

## What it does

Looks for torch's error that a differentiated tensor was not used in the graph.

## Why is this bad?

A slice or copy made after the forward pass is another tensor: the result does not depend on it.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(2, 1)
points = torch.rand(4, 2, requires_grad=True)
u = net(points)
t = points[:, 1:]
torch.autograd.grad(u.sum(), t)
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(2, 1)
points = torch.rand(4, 2, requires_grad=True)
x, t = points[:, :1], points[:, 1:]
u = net(torch.cat([x, t], dim=1))
torch.autograd.grad(u.sum(), t)
```

## How it is detected

The program ended with torch's error, and the line tells which tensor it asked for.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from gradtrace.analysis.source_slice import statements
from gradtrace.diagnosis.evidence.errors import Failure, failure, of_pass
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import BystanderKind, Finding, RelatedLocation, Severity, Trace

_SAID = "appears to not have been used in the graph"


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding if the program ended so."""
    found = failure(trace, _SAID)
    if found is None:
        return
    name = _asked_for(found)
    aside = next((one for one in trace.bystanders if one.name == name and one.kind is BystanderKind.ELSEWHERE), None)
    made = aside.location if aside is not None else None
    if aside is not None and aside.is_leaf:
        advice = f"Compute the result from {name}, or pass `allow_unused=True` and expect None for it."
    else:
        advice = "Slice or copy first, and compute the result from the slices; then ask for their gradients."
    yield Finding(
        "grad-of-recreated-input",
        Severity.ERROR,
        f"the result was not computed from {name or 'the tensor'}, whose gradient is asked for",
        found.place,
        () if made is None else (RelatedLocation(made, f"{name} is made here"),),
        advice,
        passes=of_pass(found.backward),
    )


def _asked_for(found: Failure) -> str | None:
    """What the line calls the tensor that torch names by its index: of `grad(y.sum(), [w, b])` the first is `w`."""
    tree = statements(found.place.text) if found.place is not None else None
    index = re.search(r"at index (\d+)", found.message)
    for call in ast.walk(tree) if tree is not None else ():
        if not isinstance(call, ast.Call) or (getattr(call.func, "attr", "") or getattr(call.func, "id", "")) != "grad":
            continue
        named = next((one.value for one in call.keywords if one.arg == "inputs"), None)
        inputs = named if named is not None else call.args[1] if len(call.args) > 1 else None
        parts = inputs.elts if isinstance(inputs, ast.List | ast.Tuple) else [inputs]
        number = int(index[1]) if index is not None else 0
        chosen = parts[number] if number < len(parts) else None
        if isinstance(chosen, ast.Name | ast.Attribute):
            return ast.unparse(chosen)
    return None


RULE = Rule(
    name="grad-of-recreated-input",
    severity=Severity.ERROR,
    summary="`autograd.grad` is asked for a tensor that the result was not computed from.",
    check=check,
    page=__doc__ or "",
)

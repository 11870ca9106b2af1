"""A tensor that requires grad is turned into a NumPy array.

## What it does

Looks for programs that end because `numpy()` was called on a tensor that requires grad, by the program or by a library
that draws or saves it.

## Why is this bad?

An array has no history: autograd could not follow what is computed from it. So torch refuses, unless the tensor is cut
off from its graph first.

## Example

```python
import torch

w = torch.ones(3, requires_grad=True)
y = 2 * w
print(y.numpy())
```

## Use instead

```python
import torch

w = torch.ones(3, requires_grad=True)
y = 2 * w
print(y.detach().numpy())
```

## How it is detected

The exception that ended the program is recorded with the user's line; its text is torch's own.

## Known problems

Of a call that takes several tensors it is not said which it was.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.conversions import converted
from gradtrace.diagnosis.evidence.errors import failure
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, RelatedLocation, Severity, Trace

_SAID = r"Can't call numpy\(\) on Tensor that requires grad"


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding, if the program ended so."""
    found = failure(trace, _SAID)
    if found is None:
        return
    name = converted(found)
    leaf = next((one for one in trace.leaves if one.name == name and one.location is not None), None)
    yield Finding(
        "tracked-to-numpy",
        Severity.ERROR,
        f"{f'`{name}`' if name else 'A tensor here'} requires grad: an array would lose its history",
        found.place,
        () if leaf is None or leaf.location is None else (RelatedLocation(leaf.location, f"{leaf.name} is made here"),),
        f"To look at its values: `{name or 'x'}.detach().numpy()`. If a loss is computed from them, stay with torch.",
        () if leaf is None else (leaf.id,),
    )


RULE = Rule(
    name="tracked-to-numpy",
    severity=Severity.ERROR,
    summary="A tensor that requires grad is turned into a NumPy array.",
    check=check,
    page=__doc__ or "",
)

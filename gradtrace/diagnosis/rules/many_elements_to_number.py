"""A tensor with several elements is turned into one number.

## What it does

Looks for programs that end because `float()`, `int()` or `.item()` was called on a tensor that does not have exactly
one element, often a loss that was not reduced.

## Why is this bad?

There is no one number. The tensor that was meant to be a loss would also stop `backward()`.

## Example

```python
import torch

w = torch.ones(3, requires_grad=True)
loss = (w - 2) ** 2
print(float(loss))
```

## Use instead

```python
import torch

w = torch.ones(3, requires_grad=True)
loss = ((w - 2) ** 2).mean()
print(float(loss))
```

## How it is detected

The exception that ended the program is recorded with the user's line; its text is torch's own.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.conversions import called_with, converted
from gradtrace.diagnosis.evidence.errors import failure, of_pass
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace

_SAID = r"only one element tensors can be converted|a Tensor with \d+ elements cannot be converted"


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding, if the program ended so."""
    found = failure(trace, _SAID)
    if found is None:
        return
    name, call = converted(found), called_with(found)
    yield Finding(
        "many-elements-to-number",
        Severity.ERROR,
        f"{f'`{name}`' if name else 'A tensor here'} has not one element: {call or 'this'} cannot make it a number",
        found.place,
        (),
        f"Reduce it first (`{name or 'loss'}.mean()`), take one element, or use `.tolist()` for all of them.",
        (),
        of_pass(found.backward),
    )


RULE = Rule(
    name="many-elements-to-number",
    severity=Severity.ERROR,
    summary="A tensor with several elements is turned into one number.",
    check=check,
    page=__doc__ or "",
)

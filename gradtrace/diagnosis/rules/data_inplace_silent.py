"""A write through .data hides from autograd's check.

## What it does

Looks for in-place writes through `.data` of a computed tensor (`p.data.clamp_()`, `h.data[mask] = 0`).

## Why is this bad?

The write changes values that operations saved for their backward, and `.data` hides it from the version counter: no
error is raised, and gradients are wrong.

## Example

```python
import torch

w = torch.randn(2, 3, requires_grad=True)
b = torch.zeros(3, requires_grad=True)
p = torch.softmax(w + b, dim=1)
p.data.clamp_(min=0.3)
p.log().sum().backward()
```

## Use instead

```python
import torch

w = torch.randn(2, 3, requires_grad=True)
b = torch.zeros(3, requires_grad=True)
p = torch.softmax(w + b, dim=1)
p = p.clamp(min=0.3)
p.log().sum().backward()
```

## How it is detected

Every reading of `.data` is recorded with the leaves above the tensor; it is reported when the source writes in place
through that very reading and the tensor is computed, from several leaves.

## Known problems

A write through `.data` that nothing had saved is harmless and is reported all the same. Writes through NumPy arrays
are not seen, and a tensor computed from a single leaf is taken for the leaf.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradtrace.diagnosis.rule import Rule
from gradtrace.model import CutKind, Finding, Location, Recorded, Severity, Trace

_WRITES = re.compile(r"(\[[^\]]*\])?\s*(\.\w+_\(|[-+*/]=)|\[[^\]]*\]\s*=[^=]")


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    for cut in trace.cuts:
        if cut.kind != CutKind.DATA or cut.location is None or cut.is_of_leaves or len(cut.leaves) <= 1:
            continue
        if any(map(_WRITES.match, _behind(cut.location))):
            yield Finding(
                "data-inplace-silent",
                Severity.WARNING,
                f"A write through `.data` changes {cut.source or 'a computed tensor'} behind autograd's back",
                cut.location,
                (),
                "Compute a new tensor (`p = p.clamp(min=floor)`), or write into `p.detach()`, which autograd checks.",
                (),
                tuple(one.index for one in trace.passes if one.recorded == Recorded.FULL)[:1],
            )


def _behind(place: Location) -> list[str]:
    """The source behind this reading of `.data`; where its columns are not known, behind each of the line."""
    if not place.end_column:
        return place.text.split(".data")[1:]
    lines = place.text.split("\n")[place.end_line - place.line :]
    return ["\n".join([lines[0][place.end_column - 1 :], *lines[1:]])] if lines else []


RULE = Rule(
    name="data-inplace-silent",
    severity=Severity.WARNING,
    summary="A write through .data hides from autograd's check.",
    check=check,
    page=__doc__ or "",
)

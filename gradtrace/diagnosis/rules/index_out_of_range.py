"""An index or a class number is larger than what it chooses from.

## What it does

Looks for programs that end because an embedding was asked for a row that it does not have, a loss for a class that has
no score, or a tensor for an element behind its end.

## Why is this bad?

The program ends, on a GPU later than the line that is wrong. Where the index is only sometimes too large, the data have
values that the model was not made for.

## Example

```python
import torch
from torch import nn

words = nn.Embedding(10, 4)
words(torch.tensor([1, 10])).sum().backward()
```

## Use instead

```python
import torch
from torch import nn

words = nn.Embedding(11, 4)
words(torch.tensor([1, 10])).sum().backward()
```

## How it is detected

The program ended with an exception of torch's that speaks of an index out of range or bounds. Of the tensors of whole
numbers that the call was given the least and the greatest are read, where they lie in the memory of the host.

## Known problems

What is computed from several tensors before it is an index is not followed.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.rejected import Misfit, Rejected, listed, made, name, rejected
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, GivenTensor, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding, if the program ended so."""
    found = rejected(trace, Misfit.INDEX)
    if found is None:
        return
    message, advice = _of_embedding(found) or _of_classes(found) or _of_call(found)
    yield Finding("index-out-of-range", Severity.ERROR, message, found.place, made(found), advice)


def _of_embedding(found: Rejected) -> tuple[str, str] | None:
    rows, chosen = found.setting("num_embeddings"), next(iter(found.given), None)
    if not rows or chosen is None or not found.call.is_of_module or _is_within(chosen, rows[0]):
        return None
    n = rows[0]
    message = f"{found.who} has {n} rows, 0 to {n - 1}, and {name(chosen)} goes {_range(chosen)}"
    if chosen.greatest is not None and chosen.greatest >= n:
        return message, f"Make it with `num_embeddings={chosen.greatest + 1}`, or look where that index comes from."
    return message, "No row has a negative number: look where that index comes from."


def _of_classes(found: Rejected) -> tuple[str, str] | None:
    scores, target = found.tensor("input"), found.tensor("target")
    if scores is None or target is None or not scores.shape:
        return None
    n = scores.shape[1] if len(scores.shape) > 1 else scores.shape[0]
    if _is_within(target, n) or target.greatest is None or target.least is None:
        return None
    message = f"{found.who} has scores for {n} classes, 0 to {n - 1}, and {name(target)} goes {_range(target)}"
    if target.greatest == n and target.least >= 1:
        return message, f"Classes count from 0: `{name(target)} - 1`."
    if target.least < 0:
        return message, "Only `ignore_index` (-100) may be negative: look where that class comes from."
    return message, f"Let the last layer give {target.greatest + 1} scores, or look where that class comes from."


def _of_call(found: Rejected) -> tuple[str, str]:
    chosen = next((one for one in found.given if one.greatest is not None), None)
    goes = "" if chosen is None else f"; {name(chosen)} goes {_range(chosen)}"
    return f"{found.who} was given an index out of range: {listed(found)}{goes}", f"It says: {found.first_line}"


def _is_within(tensor: GivenTensor, n: int) -> bool:
    """Whether all of its numbers choose one of so many, as far as they are known."""
    return tensor.greatest is None or tensor.least is None or (tensor.greatest < n and tensor.least >= 0)


def _range(tensor: GivenTensor) -> str:
    return f"from {tensor.least} to {tensor.greatest}"


RULE = Rule(
    name="index-out-of-range",
    severity=Severity.ERROR,
    summary="An index or a class number is larger than what it chooses from.",
    check=check,
    page=__doc__ or "",
)

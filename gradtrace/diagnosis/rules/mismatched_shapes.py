"""A call of torch's is given tensors whose shapes do not fit together.

## What it does

Looks for programs that end because the shapes of the tensors that a layer, a function or an operator was given do not
fit, and says which layer it was, what it takes and what it got.

## Why is this bad?

The program ends. Torch's message has the sizes (`mat1 and mat2 shapes cannot be multiplied (3x8 and 6x1)`) but neither
the layer nor the names, and the last lines of the traceback are torch's own.

## Example

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(6, 1))
model(torch.randn(3, 4)).mean().backward()
```

## Use instead

```python
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
model(torch.randn(3, 4)).mean().backward()
```

## How it is detected

The program ended with an exception of torch's that speaks of shapes, sizes or dimensions. The module that was being
called, what it was made with and the shapes of the tensors that the call was given are read from the calls that the
exception came through.

## Known problems

Of a result that the source does not name (`x.sum(1) @ w`) the shape is not known. An exception that the program catches
is taken as expected and is not reported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from gradtrace.diagnosis.evidence.rejected import Misfit, Rejected, layer, listed, made, name, rejected, spec
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace
from gradtrace.text import wording


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding, if the program ended so."""
    found = rejected(trace, Misfit.SHAPE)
    if found is None:
        return
    message, advice, before = _of_layer(found) or (*_of_call(found), "")
    yield Finding("mismatched-shapes", Severity.ERROR, message, found.place, made(found, before), advice)


def _of_layer(found: Rejected) -> tuple[str, str, str] | None:
    """Message, help and the layer before, of a layer that takes another size."""
    one = layer(found)
    if one is None:
        return None
    takes, gets = wording.shape_text(one.takes), wording.shape_text(one.gets)
    message = f"{found.who} takes {takes} {one.noun} and gets {gets}: {name(one.given)} is {spec(one.given)}"
    instead = f"let {one.before} give {takes}" if one.before else f"give it {takes}"
    return message, f"Make it with `{one.setting}={gets}`, or {instead}.", one.before


def _of_call(found: Rejected) -> tuple[str, str]:
    told = [(advice, match) for said, advice in _ADVICE if (match := re.search(said, found.message))]
    advice = told[0][0](told[0][1], found) if told else ""
    n = len(found.given or found.call.tensors)
    what = "was given a shape that does not fit" if n == 1 else "was given shapes that do not fit together"
    return f"{found.who} {what}: {listed(found)}", advice or f"It says: {found.first_line}"


def _multiplied(match: re.Match[str], found: Rejected) -> str:
    if "linear(" in found.who:
        return f"The weight takes {match[2]} features, its last size, and gets {match[1]}."
    return f"Of `a @ b` the columns of `a` ({match[1]}) must be as many as the rows of `b` ({match[2]})."


def _broadcast(match: re.Match[str], _: Rejected) -> str:
    sizes = f"In dimension {match[3]} of the result the sizes are {match[1]} and {match[2]}"
    return f"{sizes}: they must be equal, or one of them 1."


def _viewed(match: re.Match[str], _: Rejected) -> str:
    if "-1" in match[1]:
        return f"The tensor has {match[2]} elements, which cannot be divided so that [{match[1]}] holds them."
    return f"The tensor has {match[2]} elements: the numbers of a shape must multiply to that, and [{match[1]}] do not."


def _joined(match: re.Match[str], _: Rejected) -> str:
    which = wording.ordinal(int(match[4]) + 1)
    return (
        f"Tensors that are joined along dimension {match[1]} must agree in all others: the {which} has {match[3]} "
        f"where the first has {match[2]}."
    )


def _stacked(match: re.Match[str], _: Rejected) -> str:
    which = wording.ordinal(int(match[3]) + 1)
    return f"Tensors that are stacked must have one shape: the first has [{match[1]}], the {which} [{match[2]}]."


def _classes(_: re.Match[str], found: Rejected) -> str:
    scores, target = found.tensor("input"), found.tensor("target")
    if scores is None or target is None or len(scores.shape) < _MATRIX:
        return ""
    wanted = f"[{','.join(map(str, (scores.shape[0], *scores.shape[2:])))}]"
    squeezed = [n for n, size in enumerate(target.shape) if size == 1 and n]
    how = f": `{name(target)}.squeeze({squeezed[0]})`" if squeezed and len(target.shape) == len(scores.shape) else ""
    return f"A target of class numbers has the shape of the scores without their classes, {wanted}{how}."


def _targeted(_: re.Match[str], found: Rejected) -> str:
    one, target = found.tensor("input"), found.tensor("target")
    if one is None or target is None or math.prod(one.shape) != math.prod(target.shape):
        return ""
    return f"Both need one shape: `{name(target)}.view_as({name(one) if one.variable else 'output'})`."


_MATRIX = 2
_ADVICE: tuple[tuple[str, Callable[[re.Match[str], Rejected], str]], ...] = (
    (r"shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)", _multiplied),
    (
        r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension (\d+)",
        _broadcast,
    ),
    (r"shape '\[(.*)\]' is invalid for input of size (\d+)", _viewed),
    (r"except in dimension (\d+)\. Expected size (\d+) but got size (\d+) for tensor number (\d+)", _joined),
    (r"to be equal size, but got \[(.*?)\] at entry 0 and \[(.*?)\] at entry (\d+)", _stacked),
    (r"(?i)target size", _targeted),
    (r"multi-target not supported|match target batch_size", _classes),
)
"""What is to be done, by what torch says; the first that has words."""


RULE = Rule(
    name="mismatched-shapes",
    severity=Severity.ERROR,
    summary="A call of torch's is given tensors whose shapes do not fit together.",
    check=check,
    page=__doc__ or "",
)

"""A call of torch's is given tensors of dtypes that it does not take together.

## What it does

Looks for programs that end because a layer or a function was given whole numbers where it computes with floats, floats
of another size than its weights, or floats where it needs class numbers or indices.

## Why is this bad?

The program ends. Torch converts numbers of different dtypes for `+` and `*`, but not for products of matrices, layers
and losses.

## Example

```python
import torch
from torch import nn

layer = nn.Linear(3, 1)
layer(torch.tensor([[1, 2, 3], [4, 5, 6]])).sum().backward()
```

## Use instead

```python
import torch
from torch import nn

layer = nn.Linear(3, 1)
layer(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).sum().backward()
```

## How it is detected

The program ended with an exception of torch's that speaks of dtypes. The tensors that the call was given are read from
the calls that the exception came through.

## Known problems

An exception that the program catches is taken as expected and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.rejected import Misfit, Rejected, listed, made, name, rejected, spec
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, GivenTensor, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the finding, if the program ended so."""
    found = rejected(trace, Misfit.DTYPE)
    if found is None:
        return
    message, advice = _of_layer(found) or _of_target(found) or _of_call(found)
    yield Finding("mismatched-dtypes", Severity.ERROR, message, found.place, made(found), advice)


def _of_layer(found: Rejected) -> tuple[str, str] | None:
    """A module whose weights are of another dtype than what it gets."""
    given = next(iter(found.given), None)
    weight = next((one for one in found.call.tensors if one.leaf is not None), None)
    if not found.call.is_of_module or given is None or weight is None or given.dtype == weight.dtype:
        return None
    message = f"{found.who} computes in {weight.dtype} and gets {given.dtype}: {name(given)} is {spec(given)}"
    return message, f"Convert the input: {_converted(given, weight.dtype)}."


def _of_target(found: Rejected) -> tuple[str, str] | None:
    """A loss over classes with a target of another dtype than it reads."""
    scores, target = found.tensor("input"), found.tensor("target")
    if scores is None or target is None or not found.call.name:
        return None
    message = f"`{found.call.name}` cannot read a target {spec(target)} for an input {spec(scores)}"
    called = name(target)
    if "Long or Byte" in found.message:
        return message, f"Class numbers are int64: `{called}.long()`."
    if "class probabilities" in found.message:
        return message, (
            f"A target of the shape of the scores is read as probabilities, which are floats: `{called}.float()`. Of "
            f"one-hot rows the class numbers are `{called}.argmax(1)`."
        )
    return message, f"Convert it: {_converted(target, scores.dtype)}."


def _of_call(found: Rejected) -> tuple[str, str]:
    dtypes = {one.dtype for one in found.call.tensors}
    what = "was given dtypes that do not fit together" if len(dtypes) > 1 else "was given a dtype that it cannot take"
    floats = [one.dtype for one in found.call.tensors if "float" in one.dtype]
    advice = f"It says: {found.first_line}"
    if len(dtypes) > 1 and floats:
        other = next((one for one in found.call.tensors if one.dtype != floats[0]), None)
        advice += f"\nTo convert one: {_converted(other, floats[0])}." if other is not None else ""
    return f"{found.who} {what}: {listed(found)}", advice


def _converted(tensor: GivenTensor, dtype: str) -> str:
    """`x.float()`, and whence the other dtype may come."""
    method = {"float32": ".float()", "float64": ".double()", "float16": ".half()"}.get(dtype, f".to(torch.{dtype})")
    why = "float literals (`1.0`) make a tensor of floats" if "int" in tensor.dtype else ""
    why = why or ("arrays of NumPy are float64 unless they say otherwise" if tensor.dtype == "float64" else "")
    return f"`{tensor.variable}{method}`{f'; {why}' if why else ''}"


RULE = Rule(
    name="mismatched-dtypes",
    severity=Severity.ERROR,
    summary="A call of torch's is given tensors of dtypes that it does not take together.",
    check=check,
    page=__doc__ or "",
)

"""A comment silences findings where there are none.

## What it does

Finds comments `# gradtrace: ignore[…]` that silence nothing.

## Why is this bad?

Such a comment says that something is wrong on its line, which is not so any more; and the day something else goes wrong
there, it hides it.

## Example

```python
import torch

w = torch.ones(3, requires_grad=True)
loss = (w * 2).sum()
loss.backward()  # gradtrace: ignore[backward-not-called]
print(w.grad)
```

## Use instead

```python
import torch

w = torch.ones(3, requires_grad=True)
loss = (w * 2).sum()
loss.backward()
print(w.grad)
```

## How it is detected

The comments in all files of which the run saw a line are compared with the findings. A rule that was not run, because
of `--select` or `--ignore`, says nothing about its comments.

## Known problems

What a run does not do is not seen: a comment may be of use with other arguments of the program.
"""

from collections.abc import Iterator

from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:  # noqa: ARG001  every rule takes the trace
    """Finds nothing by itself: comments are compared with what the other rules found (`diagnosis.ignores`)."""
    yield from ()


RULE = Rule(
    name="unused-ignore",
    severity=Severity.INFO,
    summary="A comment that silences findings where there are none.",
    check=check,
    page=__doc__ or "",
)

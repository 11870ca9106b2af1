"""A tensor with a graph is sent to another process.

## What it does

Looks for programs that end because a computed tensor, which has a graph, was put into a queue, given to a process, or
returned by the worker of a DataLoader.

## Why is this bad?

torch refuses: a graph cannot cross into another process.

## Example

```python
import torch
import torch.multiprocessing as mp

w = torch.ones(3, requires_grad=True)
queue = mp.SimpleQueue()
queue.put(w * 2)
```

## Use instead

```python
import torch
import torch.multiprocessing as mp

w = torch.ones(3, requires_grad=True)
queue = mp.SimpleQueue()
queue.put((w * 2).detach())
```

## How it is detected

The exception that ended the program is recorded with the user's line; its text is torch's own. When it comes, the
tensor that torch refused is looked for among what the program's variables lead to.

## Known problems

What is put into a queue with a buffer is sent by a thread, whose exception does not end the program.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.kept import uncopied
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace

_SAID = (
    r"refusing to serialize non-leaf|crossing process boundaries|"
    r"DataLoader worker process[\s\S]*don't support automatic differentiation"
)


def check(trace: Trace) -> Iterator[Finding]:
    """Yield the findings of this rule."""
    yield from uncopied(
        trace,
        "nonleaf-to-process",
        _SAID,
        "cannot be sent to another process",
        "it is sent here",
        "Send its values: `.detach()` it before it leaves the process, and compute with gradients on one side only.",
    )


RULE = Rule(
    name="nonleaf-to-process",
    severity=Severity.ERROR,
    summary="A tensor with a graph is sent to another process.",
    check=check,
    page=__doc__ or "",
)

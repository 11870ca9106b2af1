"""kl_div or nll_loss is given probabilities or scores, where it needs log-probabilities.

## What it does

Looks for `kl_div` and `nll_loss` whose input comes straight from a softmax, a sigmoid, a linear layer or a convolution.

## Why is this bad?

Both take the logarithm as done. Given probabilities, the loss is negative, its smallest value is no agreement at all,
and its gradient is that of another function: training goes on and learns the wrong thing.

## Example

```python
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
student = nn.Linear(4, 3)
opt = torch.optim.SGD(student.parameters(), lr=0.1)
x, teacher = torch.randn(8, 4), torch.softmax(torch.randn(8, 3), dim=1)
for _ in range(3):
    loss = F.kl_div(F.softmax(student(x), dim=1), teacher, reduction="batchmean")
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
student = nn.Linear(4, 3)
opt = torch.optim.SGD(student.parameters(), lr=0.1)
x, teacher = torch.randn(8, 4), torch.softmax(torch.randn(8, 3), dim=1)
for _ in range(3):
    loss = F.kl_div(F.log_softmax(student(x), dim=1), teacher, reduction="batchmean")
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## How it is detected

In the graph, the operation that made the loss's input is looked for through views, clamps and added constants. A
softmax, a sigmoid and an exponential give positive numbers, a linear layer gives any: no logarithms of probabilities.

Nothing is said of scores whose `logsumexp` is taken as well, nor of probabilities where a constant is added to
`nll_loss` and the loss is not negative: `1 + nll_loss(p, y)` is the chance of an error.

## Known problems

An input that a custom function made is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.errors import notes, of_pass
from gradtrace.diagnosis.evidence.probabilities import NotLog, not_log, source_name
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such loss."""
    for one in not_log(trace):
        what = "probabilities" if one.are_probabilities else "scores"
        told = notes((one.given.location, f"`{source_name(one)}` gives the {what} here"))
        yield Finding(
            "loss-needs-log-probabilities",
            Severity.WARNING,
            f"`{one.call}` is given {what} (from `{source_name(one)}`), but it needs log-probabilities",
            one.loss.location,
            tuple(note for note in told if note.location != one.loss.location),
            _advice(one),
            (),
            of_pass(one.backward),
        )


def _advice(one: NotLog) -> str:
    if one.call == "nll_loss":
        return "Use `cross_entropy` on the scores, or `nll_loss` on `log_softmax(scores, dim=1)`."
    return "Give it `log_softmax(scores, dim=...)` as its first argument; the second are probabilities."


RULE = Rule(
    name="loss-needs-log-probabilities",
    severity=Severity.WARNING,
    summary="kl_div or nll_loss is given probabilities or scores, where it needs log-probabilities.",
    check=check,
    page=__doc__ or "",
)

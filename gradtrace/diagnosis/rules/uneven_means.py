"""Means over different numbers of elements are added up as if they were alike.

## What it does

Looks for steps that use the gradients of several passes, each from a mean over another number of elements.

## Why is this bad?

The mean over a batch with few tokens weighs as much as the mean over one with many: its tokens count several times as
much. The step is not the one that a single large batch would have given.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 5)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for start in range(2):
    opt.zero_grad()
    for n_tokens in (3, 20):
        labels = torch.full((20,), -100)
        labels[:n_tokens] = 1
        loss = nn.functional.cross_entropy(model(torch.randn(20, 4)), labels) / 2
        loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(4, 5)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for start in range(2):
    opt.zero_grad()
    for n_tokens in (3, 20):
        labels = torch.full((20,), -100)
        labels[:n_tokens] = 1
        loss = nn.functional.cross_entropy(model(torch.randn(20, 4)), labels, reduction="sum") / 23
        loss.backward()
    opt.step()
```

## How it is detected

Most steps of an optimizer use several passes of one line, each of which begins at a mean that leaves elements out: a
cross-entropy with ignored targets, the mean of a selection, a sum that is divided by a count. The counts differ by half
or more, and the means go into the gradient with the same weight.

## Known problems

Where every batch is meant to weigh the same, whatever its size, the finding is wrong: ignore it.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.mean_counts import UnevenMeans, uneven_means
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, RelatedLocation, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need

_MOST_TOLD = 4


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for each optimizer that uses such sums."""
    for steps in uneven_means(trace).values():
        yield _finding(steps[0])


def _finding(found: UnevenMeans) -> Finding:
    counts = [f"{mean.count:g}" for mean in found.means]
    told = ", ".join(counts[:_MOST_TOLD]) + (", ..." if len(counts) > _MOST_TOLD else "")
    mean = found.means[0].node.location
    place = found.share.location or mean
    related = []
    if mean is not None and mean != place:
        related.append(RelatedLocation(mean, f"means over {told} elements"))
    if found.step.location is not None:
        related.append(RelatedLocation(found.step.location, "step() uses their sum"))
    return Finding(
        "uneven-means",
        Severity.WARNING,
        f"means over {told} elements add up with the same weight",
        place,
        tuple(related),
        "Sum the loss of each batch, and divide by the number of elements of all batches that one step uses.",
        tuple(change.leaf for change in found.step.changes if change.has_gradient),
    )


RULE = Rule(
    name="uneven-means",
    severity=Severity.WARNING,
    summary="Means over different numbers of elements are added up as if they were alike.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM), need(Tensors.LEAVES, Statistic.NORM)),
)

"""A distribution is sampled by `sample()`, which has no gradient.

## What it does

Looks for `.sample()` of a distribution whose parameters are to be trained through the sample.

## Why is this bad?

`sample()` runs under no_grad: the parameters of the distribution get no gradient.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
mean, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
opt = torch.optim.Adam([*mean.parameters(), *decoder.parameters()])
x = torch.randn(8, 4)
for _ in range(3):
    opt.zero_grad()
    z = torch.distributions.Normal(mean(x), 1.0).sample()
    loss = (decoder(z) - x).pow(2).mean()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
mean, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
opt = torch.optim.Adam([*mean.parameters(), *decoder.parameters()])
x = torch.randn(8, 4)
for _ in range(3):
    opt.zero_grad()
    z = torch.distributions.Normal(mean(x), 1.0).rsample()
    loss = (decoder(z) - x).pow(2).mean()
    loss.backward()
    opt.step()
```

## How it is detected

Every place is recorded where a value that requires grad goes in and one that does not comes out, with the leaves
above it. Such a place is reported when its result comes back into the graph of a pass while leaves above it, held by
an optimizer, get nothing from any pass; or when backward fails because nothing else is left.

## Known problems

A distribution whose parameters get a gradient along another path (a KL term, log_prob) is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.cut_points import complaint, finding, losses
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such place."""
    for loss in losses(trace):
        if loss.rule == "sample-not-rsample":
            yield finding(
                loss,
                "warning",
                f"{complaint(loss)}: `.sample()` draws a constant",
                "Use `.rsample()`, which keeps the graph, or a surrogate loss with `.log_prob(sample)`.",
            )


RULE = Rule(
    name="sample-not-rsample",
    severity="warning",
    summary="A distribution is sampled by `sample()`, which has no gradient.",
    check=check,
    page=__doc__ or "",
)

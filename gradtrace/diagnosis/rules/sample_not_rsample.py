"""A distribution is sampled by `sample()`, which has no gradient.

## What it does

Looks for `.sample()` of a distribution, or `torch.normal`, whose parameters are to be trained through the sample.

## Why is this bad?

`sample()` runs under no_grad, and the derivative of `torch.normal` is zero: the parameters of the distribution get no
gradient through the sample.

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
an optimizer, get nothing from any pass; or when backward fails because nothing else is left. A draw of `torch.normal`
is reported when a pass ran through it, and what was drawn is not compared with its own mean or deviation, as a
likelihood does.

## Known problems

A program that uses `log_prob` or `entropy` anywhere in a loss is not reported for `.sample()`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gradtrace.diagnosis.evidence.cut_points import Reason, complaint, finding, is_sample, losses
from gradtrace.diagnosis.evidence.drawn_constants import drawn_constants
from gradtrace.diagnosis.rule import Rule
from gradtrace.formulas import traits
from gradtrace.model import Cut, Finding, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every such place."""
    for loss in losses(trace):
        if loss.reason is Reason.SAMPLED:
            yield finding(
                "sample-not-rsample",
                loss,
                Severity.WARNING,
                f"{complaint(loss)}: `.sample()` draws a constant",
                "Use `.rsample()`, which keeps the graph, or a surrogate loss with `.log_prob(sample)`.",
            )

    lost = {loss.cut.id for loss in losses(trace)}
    for cut in trace.cuts:
        if cut.id not in lost and cut.reentry is not None and _is_path(trace, cut):
            yield Finding(
                "sample-not-rsample",
                Severity.WARNING,
                f"{cut.name or 'the sample'} is a constant: no gradient flows through `.sample()`",
                cut.location,
                (RelatedLocation(cut.reentry, "the sample comes back here, as a constant"),),
                "Use `.rsample()`, which keeps the graph, or a surrogate loss with `.log_prob(sample)`.",
                passes=cut.passes,
            )

    for draw in drawn_constants(trace):
        yield Finding(
            "sample-not-rsample",
            Severity.WARNING,
            "`torch.normal` draws a constant: no gradient flows through it to its mean or its deviation",
            draw.node.location,
            help="Use `mean + std * torch.randn_like(mean)`, or `torch.distributions.Normal(mean, std).rsample()`.",
            passes=(draw.backward.index,),
        )


def _is_path(trace: Trace, cut: Cut) -> bool:
    """Whether a loss depends on a continuous sample in no other way than through its value."""
    if not is_sample(cut) or traits.called(cut.call).is_discrete or not cut.passes:
        return False
    return not any(
        node.location is not None and _SCORES.search(node.location.text)
        for backward in trace.passes
        if backward.graph is not None
        for node in backward.graph.nodes
    )


_SCORES = re.compile(r"log_prob|entropy")


RULE = Rule(
    name="sample-not-rsample",
    severity=Severity.WARNING,
    summary="A distribution is sampled by `sample()`, which has no gradient.",
    check=check,
    page=__doc__ or "",
)

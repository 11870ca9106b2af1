"""A hook replaces a gradient by zeros.

## What it does

Looks for tensor hooks that are given a gradient and return nothing but zeros.

## Why is this bad?

Everything above the hook gets zero gradients and never moves.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
w = nn.Parameter(torch.ones(3))
h = w * 2
h.register_hook(lambda grad: grad * 0)
h.sum().backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
w = nn.Parameter(torch.ones(3))
h = w * 2
h.register_hook(lambda grad: grad * 0.5)
h.sum().backward()
```

## How it is detected

What arrived at a place with a hook was not zero, what went on from there was, in every pass.

## Known problems

A hook that is meant to stop a gradient is reported too: `detach()` says that more plainly.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.rule import Rule
from gradtrace.model import BackwardPass, Finding, Location, RelatedLocation, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield one finding for each hook that leaves nothing."""
    verdicts: dict[Location, tuple[bool, BackwardPass]] = {}
    for backward in trace.passes:
        for node in () if backward.graph is None else backward.graph.nodes:
            for output in node.outputs:
                before, after = output.arrived, output.received
                if not output.hooks or before is None or after is None or not before.norm:
                    continue
                for hook in output.hooks:
                    zero, first = verdicts.get(hook, (True, backward))
                    verdicts[hook] = (zero and after.norm == 0, first)
    for hook, (zero, first) in verdicts.items():
        if zero:
            yield Finding(
                "hook-zeroes-grad",
                Severity.WARNING,
                "this hook replaces the gradient by zeros",
                hook,
                () if first.location is None else (RelatedLocation(first.location, "in this pass"),),
                "Remove the hook, or use `detach()` where no gradient is meant to pass.",
                passes=(first.index,),
            )


RULE = Rule(
    name="hook-zeroes-grad",
    severity=Severity.WARNING,
    summary="A hook replaces a gradient by zeros.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM),),
)

"""A custom Function returns None for an input that requires grad.

## What it does

Looks for custom `torch.autograd.Function`s whose `backward` returns None for a differentiable input.

## Why is this bad?

The input gets no gradient, and nothing is raised.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x, factor)
        return x * factor

    @staticmethod
    def backward(ctx, grad):
        x, factor = ctx.saved_tensors
        return grad * factor, None


factor = nn.Parameter(torch.ones(3))
Scale.apply(torch.randn(4, 3), factor).sum().backward()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x, factor)
        return x * factor

    @staticmethod
    def backward(ctx, grad):
        x, factor = ctx.saved_tensors
        return grad * factor, (grad * x).sum(0)


factor = nn.Parameter(torch.ones(3))
Scale.apply(torch.randn(4, 3), factor).sum().backward()
```

## How it is detected

A custom node ran and sent nothing along the edge to an input that requires grad, in every pass.

## Known problems

None known.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.rule import Rule
from gradtrace.model import BackwardPass, Edge, Finding, Node, PassCall, RelatedLocation, Severity, Trace


def check(trace: Trace) -> Iterator[Finding]:
    """Yield one finding for each argument that gets nothing."""
    found: dict[tuple[str, int], tuple[bool, Node, Edge, BackwardPass]] = {}
    for backward in trace.passes:
        if backward.graph is None or backward.error is not None:
            continue
        for edge in backward.graph.edges:
            node = backward.graph.nodes[edge.source]
            if not node.is_custom or node.order is None or node.received is None:
                continue
            empty, *first = found.get((node.type, edge.slot), (True, node, edge, backward))
            found[node.type, edge.slot] = (empty and edge.sent is None, *first)  # type: ignore[assignment]
    for empty, node, edge, backward in found.values():
        if empty and backward.call != PassCall.AUTOGRAD_GRAD:
            name = edge.input or f"argument {edge.slot + 1}"
            yield Finding(
                "custom-fn-returns-none",
                Severity.ERROR,
                f"{node.type.removesuffix('Backward')}.backward returns no gradient for {name}",
                node.backward_location or node.location,
                () if node.location is None else (RelatedLocation(node.location, "it is applied here"),),
                f"Return the gradient of {name} in its place.",
                passes=(backward.index,),
            )


RULE = Rule(
    name="custom-fn-returns-none",
    severity=Severity.ERROR,
    summary="A custom Function returns None for an input that requires grad.",
    check=check,
    page=__doc__ or "",
)

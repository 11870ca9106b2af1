"""A second derivative is zero everywhere, because the network is linear piece by piece.

## What it does

Looks for `autograd.grad` of a gradient, with respect to inputs, that gives nothing but zeros in every pass because all
activations on the way (`relu`, `leaky_relu`, `hardtanh`) have a constant slope.

## Why is this bad?

A loss that is made of second derivatives (the equation of a physics-informed network, a curvature) is constant then:
it has a value, and trains nothing.

## Example

```python
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(3):
    x = torch.rand(32, 1, requires_grad=True)
    u = net(x)
    u_x = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
    u_xx = torch.autograd.grad(u_x.sum(), x, create_graph=True)[0]
    loss = (u_xx + torch.sin(x)).pow(2).mean() + u[0].pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## Use instead

```python
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(3):
    x = torch.rand(32, 1, requires_grad=True)
    u = net(x)
    u_x = torch.autograd.grad(u.sum(), x, create_graph=True)[0]
    u_xx = torch.autograd.grad(u_x.sum(), x, create_graph=True)[0]
    loss = (u_xx + torch.sin(x)).pow(2).mean() + u[0].pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
```

## How it is detected

A pass of `autograd.grad` runs over derivatives of activations, asks for no parameter's gradient, begins with something
and ends in exact zeros, at every recorded pass from that line.

## Known problems

Where only a part of the second derivative is zero (`x * net(x)`), nothing is said. Penalties on first derivatives are
not meant: they train piecewise linear networks as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from gradtrace.diagnosis.evidence.curvature import Flat, flat
from gradtrace.diagnosis.evidence.errors import called_as, notes
from gradtrace.diagnosis.rule import Rule
from gradtrace.model import Finding, Location, Node, Severity, Trace
from gradtrace.model.needs import Statistic, Tensors, need


def check(trace: Trace) -> Iterator[Finding]:
    """Yield a finding for every line that asks for such a second derivative."""
    for one in flat(trace):
        names = " and ".join(dict.fromkeys(f"`{called_as(node)}`" for node in one.nodes))
        told = notes(
            *((node.location, f"the slope of `{called_as(node)}`{_where(node)} is constant") for node in one.nodes),
            (_first_place(one), "the first derivative is taken here"),
        )
        yield Finding(
            "second-derivative-zero",
            Severity.WARNING,
            f"This second derivative is zero everywhere: the slope of {names} is piecewise constant",
            one.backward.location,
            tuple(note for note in told if note.location != one.backward.location),
            "Use a smooth activation: `Tanh`, `SiLU`, `GELU`, `Softplus` or a sine. Others that are linear piece by "
            "piece, such as `LeakyReLU`, have no second derivative either.",
            (),
            (one.backward.index,),
        )


def _where(node: Node) -> str:
    return f" ({node.module})" if node.module else ""


def _first_place(one: Flat) -> Location | None:
    return one.first.location if one.first is not None else None


RULE = Rule(
    name="second-derivative-zero",
    severity=Severity.WARNING,
    summary="A second derivative is zero everywhere: the network is linear piece by piece.",
    check=check,
    page=__doc__ or "",
    needs=(need(Tensors.GRADIENTS, Statistic.NORM),),
)

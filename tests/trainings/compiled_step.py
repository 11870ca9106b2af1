"""A compiled training step."""

# imports: torch._dynamo.utils

import torch
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


@torch.compile(backend="aot_eager")
def step(x):
    optimizer.zero_grad()
    loss = net(x).pow(2).mean()
    loss.backward()
    optimizer.step()
    return loss


losses = [step(torch.randn(3, 4)) for _ in range(5)]
print(bits(net, *losses))

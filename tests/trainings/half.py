"""Weights in bfloat16 and float16 with a master copy in float32."""

import torch
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).to(torch.bfloat16)
master = [one.detach().float().requires_grad_() for one in net.parameters()]
optimizer = torch.optim.Adam(master, lr=0.01)
tiny = torch.full((3,), 1e-4, dtype=torch.float16, requires_grad=True)
for _ in range(5):
    net(torch.randn(3, 4, dtype=torch.bfloat16)).float().pow(2).mean().backward()
    (tiny * 1e-4).sum().backward()
    for copy, one in zip(master, net.parameters()):
        copy.grad, one.grad = one.grad.float(), None
    optimizer.step()
    with torch.no_grad():
        for copy, one in zip(master, net.parameters()):
            one.copy_(copy)
print(bits(net, tiny, *master))

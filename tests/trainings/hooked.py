"""Hooks that clip, count and offload, steps inside backward, and gradients dropped as they come."""

import torch
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizers = {one: torch.optim.SGD([one], lr=0.1) for one in net.parameters()}
net[0].weight.register_hook(lambda gradient: gradient.clamp(-0.1, 0.1))
net[1].register_full_backward_hook(lambda module, before, after: (before[0] * 2,))


def step_at_once(one):
    optimizers[one].step()
    optimizers[one].zero_grad()


for one in net.parameters():
    one.register_post_accumulate_grad_hook(step_at_once)
for _ in range(5):
    with torch.autograd.graph.save_on_cpu():
        loss = net(torch.randn(3, 4)).pow(2).mean()
    loss.backward()
print(bits(net))

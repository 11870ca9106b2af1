"""All random states after each of many steps, and what is drawn in forks of them."""

import hashlib
import random

import torch

torch.manual_seed(3)
random.seed(4)
own = torch.Generator().manual_seed(5)
net = torch.nn.Sequential(torch.nn.Linear(5, 5), torch.nn.Dropout(0.3), torch.nn.Linear(5, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


def bits(state):
    return hashlib.sha256(repr(state).encode()).hexdigest()[:12]


for step in range(8):
    optimizer.zero_grad()
    net(torch.rand(3, 5) + torch.rand(3, 5, generator=own)).pow(2).mean().backward()
    optimizer.step()
    with torch.random.fork_rng():
        forked = torch.rand(1).item()
    print(step, bits(torch.get_rng_state().tolist()), bits(random.getstate()), bits(own.get_state().tolist()), forked)
print(
    torch.initial_seed(),
    torch.default_generator.initial_seed(),
    random.random(),
    torch.rand(1).item(),
    torch.seed() > 0,
)

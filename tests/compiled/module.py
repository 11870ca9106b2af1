"""A compiled module, trained by an ordinary loop."""

# imports: torch._dynamo.utils

import torch
from _report import BACKEND, net, report

model = net()
fast = torch.compile(model, backend=BACKEND)
optimizer = torch.optim.Adam(fast.parameters(), lr=0.01)
for _ in range(6):
    optimizer.zero_grad()
    fast(torch.randn(3, 4)).pow(2).mean().backward()
    optimizer.step()
report(model)

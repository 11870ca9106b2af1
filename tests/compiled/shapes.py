"""Shapes that change: recompiled, then dynamic, then marked as such."""

# imports: torch._dynamo.utils
# soak: each new shape is compiled anew

import torch
from _report import BACKEND, net, report

model = net()
fast = torch.compile(model, backend=BACKEND)
dynamic = torch.compile(lambda x: model(x).pow(2).sum(), backend=BACKEND, dynamic=True)
for size in (2, 3, 5, 7, 3):
    fast(torch.randn(size, 4)).pow(2).mean().backward()
    dynamic(torch.randn(size, 4)).backward()
marked = torch.randn(6, 4)
torch._dynamo.mark_dynamic(marked, 0)
fast(marked).sum().backward()
with torch.no_grad():
    fast(torch.randn(9, 4))
report(model)

"""Graph breaks: a print, a number taken out, and a function that may not be compiled."""

# imports: torch._dynamo.utils

import torch
from _report import BACKEND, net, report

model = net()
seen = []


@torch.compiler.disable
def note(x):
    seen.append(x.item())


@torch.compile(backend=BACKEND)
def loss(x):
    y = model(x)
    torch._dynamo.graph_break()
    note(y.sum())
    if y.mean().item() > 100:
        print("large")
    return y.pow(2).mean()


optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(6):
    optimizer.zero_grad()
    loss(torch.randn(3, 4)).backward()
    optimizer.step()
print(seen)
report(model)

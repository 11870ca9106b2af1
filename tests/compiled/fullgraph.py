"""One graph or none: `fullgraph=True`, in training and in evaluation."""

# imports: torch._dynamo.utils
# soak: function.py has no break either, and breaks.py has some

import torch
from _report import BACKEND, net, report

model = torch.nn.Sequential(net(), torch.nn.Dropout(0.3))
fast = torch.compile(model, backend=BACKEND, fullgraph=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
outputs = []
for number in range(6):
    model.train(number % 3 != 2)
    if model.training:
        optimizer.zero_grad()
        fast(torch.randn(3, 4)).pow(2).mean().backward()
        optimizer.step()
    else:
        with torch.no_grad():
            outputs.append(fast(torch.randn(3, 4)))
report(model, *outputs)

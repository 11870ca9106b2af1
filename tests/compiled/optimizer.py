"""The optimizer's step, compiled, with the model as it is."""

# imports: torch._dynamo.utils

import torch
from _report import BACKEND, net, report

model = net()
optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.01))
step = torch.compile(optimizer.step, backend=BACKEND)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
for _ in range(6):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).pow(2).mean().backward()
    step()
    schedule.step()
report(model)

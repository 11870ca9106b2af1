"""A module that compiles itself: `module.compile()`."""

# imports: torch._dynamo.utils

import torch
from _report import BACKEND, net, report


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = net()

    def forward(self, x):
        return self.inner(x)


model = Model()
model.compile(backend=BACKEND)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(6):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).pow(2).mean().backward()
    optimizer.step()
report(model)

"""A method of a module, compiled by a decorator."""

# imports: torch._dynamo.utils

import torch
from _report import BACKEND, net, report


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = net()

    @torch.compile(backend=BACKEND)
    def loss(self, x, y):
        return torch.nn.functional.mse_loss(self.inner(x), y)


model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(6):
    optimizer.zero_grad()
    model.loss(torch.randn(3, 4), torch.randn(3, 1)).backward()
    optimizer.step()
report(model)

"""A loss as a compiled function, with a custom Function inside."""

# imports: torch._dynamo.utils

import torch
from _report import BACKEND, net, report


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g * 3 * ctx.saved_tensors[0] ** 2


@torch.compile(backend=BACKEND)
def loss(y):
    return Cube.apply(y).abs().mean() + torch.nn.functional.softmax(y, 0).max()


model = net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(6):
    optimizer.zero_grad()
    loss(model(torch.randn(3, 4))).backward()
    optimizer.step()
report(model)

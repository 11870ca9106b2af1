"""Lazy modules: before, while and after they find their shapes, in models, and optimizers."""

import torch

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.LazyLinear(4), torch.nn.LazyBatchNorm1d(), torch.nn.ReLU(), torch.nn.Linear(4, 1))
side = torch.nn.LazyLinear(2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
print(net, type(net[0].weight).__name__, net[0].has_uninitialized_params())
w = torch.ones(2, requires_grad=True)
(w * 2).sum().backward()
for step in range(5):
    optimizer.zero_grad()
    net(torch.randn(6, 3)).pow(2).mean().backward()
    optimizer.step()
    print(
        step,
        type(net[0]).__name__,
        type(net[0].weight).__name__,
        net[0].weight.grad.sum().item(),
        type(side.weight).__name__,
    )
try:
    side.weight.sum()
except ValueError as error:
    print(str(error)[:60])
print(len(net[0]._forward_pre_hooks), side(torch.ones(1, 3)).shape, sorted(net.state_dict()))

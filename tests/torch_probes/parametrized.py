"""Parametrizations, weight and spectral norm, and pruning: names, attributes, numbers, and taking them off again."""

import warnings

import torch
from torch.nn.utils import parametrizations, parametrize, prune

warnings.simplefilter("ignore", FutureWarning)
torch.manual_seed(0)


class Symmetric(torch.nn.Module):
    def forward(self, x):
        print("parametrized", end=" ")
        return x.triu() + x.triu(1).mT


net = torch.nn.Sequential(*[torch.nn.Linear(3, 3) for _ in range(6)])
parametrizations.weight_norm(net[0])
parametrizations.spectral_norm(net[1])
parametrizations.orthogonal(net[2])
parametrize.register_parametrization(net[3], "weight", Symmetric())
prune.random_unstructured(net[4], "weight", amount=0.3)
torch.nn.utils.weight_norm(net[5])
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(5):
    optimizer.zero_grad()
    net(torch.randn(2, 3)).pow(2).mean().backward()
    optimizer.step()
    with parametrize.cached():
        net(torch.randn(2, 3)).sum().backward()
    print(step, [(name, one.grad is not None and one.grad.sum().item()) for name, one in net.named_parameters()])
print(sorted(net.state_dict()), [type(one).__name__ for one in net], parametrize.is_parametrized(net))
parametrize.remove_parametrizations(net[3], "weight")
prune.remove(net[4], "weight")
torch.nn.utils.remove_weight_norm(net[5])
net(torch.ones(1, 3)).sum().backward()
print([name for name, _ in net.named_parameters()], [sorted(one.__dict__) for one in net])

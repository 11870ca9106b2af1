import torch
from gradient_names import print_gradient_names
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
x, y = torch.randn(8, 3), torch.randn(8, 1)
for _ in range(2):
    fast = dict(net.named_parameters())
    for _ in range(2):
        inner = ((functional_call(net, fast, x) - y) ** 2).mean()
        gradients = torch.autograd.grad(inner, list(fast.values()), create_graph=True)
        fast = {name: value - 0.1 * gradient for (name, value), gradient in zip(fast.items(), gradients)}
    outer = ((functional_call(net, fast, x) - y) ** 2).mean()
    optimizer.zero_grad()
    outer.backward()
    optimizer.step()
print_gradient_names(net=net)

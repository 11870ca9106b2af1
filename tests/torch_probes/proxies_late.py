"""Graphs made by fx and make_fx between and after passes, with passes inside them."""

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx

torch.manual_seed(0)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 2)

    def forward(self, x):
        return torch.nn.functional.gelu(self.fc(x)).softmax(-1) + torch.nn.functional.layer_norm(x[:, :2], [2])


def slope(x):
    y = (x * x).sin().sum()
    return torch.autograd.grad(y, x, create_graph=True)[0]


w = torch.ones(3, requires_grad=True)
net = Net()
for step in range(5):
    print(step, fx.symbolic_trace(net).code)
    print(make_fx(slope)(torch.ones(3, requires_grad=True)).code)
    print(make_fx(slope, tracing_mode="fake")(torch.ones(3, requires_grad=True)).code)
    print(make_fx(torch.func.grad(lambda v: (v * v).exp().sum()))(torch.ones(3)).code)
    print(make_fx(torch.func.functionalize(lambda v: v.clone().add_(1)))(torch.ones(3)).code)
    (w * step).sum().backward()
graph = fx.symbolic_trace(net)
graph(torch.ones(4, 3)).sum().backward()
print(net.fc.weight.grad, [(node.op, node.name) for node in graph.graph.nodes])

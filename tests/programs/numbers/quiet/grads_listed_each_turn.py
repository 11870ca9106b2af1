import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 1))
optimizer = torch.optim.Adagrad(net.parameters(), 0.1)
for _ in range(4):
    net(torch.randn(4, 3)).square().mean().backward()
    optimizer.step()
    grads = [p.grad for p in net.parameters()]
    torch._foreach_mul_(grads, 0.0)

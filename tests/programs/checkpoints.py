import torch
from gradient_names import print_gradient_names
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

torch.manual_seed(0)
net = nn.ModuleDict(
    {
        "old": nn.Sequential(nn.Linear(4, 4), nn.Tanh()),
        "new": nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)),
        "rows": nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU()),
    }
)
shared = nn.Linear(4, 4)
x = torch.randn(3, 4, requires_grad=True)
a = checkpoint(net["old"], x, use_reentrant=True)
b = checkpoint(net["new"], a, use_reentrant=False)
c = checkpoint_sequential(net["rows"], 2, b, use_reentrant=False)
c.pow(2).mean().backward()

d = checkpoint(shared, x * 2, use_reentrant=True) + shared(x)
d.sum().backward()
print_gradient_names(net=net, shared=shared)

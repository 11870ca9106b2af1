import torch
from torch import nn
torch.manual_seed(0)
a,b,o=nn.Linear(6,6),nn.Linear(6,6),nn.Linear(6,2)
ps=[*a.parameters(),*b.parameters(),*o.parameters()]
opt=torch.optim.SGD(ps,lr=.1)
def scale(g):
    g.mul_(0.1)
for i in range(3):
    x=torch.randn(16,6)
    left, right = a(x), b(x)
    right.register_hook(scale)  # here
    l=o(left+right).pow(2).mean(); opt.zero_grad(); l.backward(); opt.step()

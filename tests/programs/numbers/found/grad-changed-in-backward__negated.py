import torch
from torch import nn
class GRL(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x.view_as(x)
    @staticmethod
    def backward(ctx, g):
        g.neg_()
        return g  # here
class Net(nn.Module):
    def __init__(s):
        super().__init__(); s.a=nn.Linear(6,6); s.b=nn.Linear(6,6); s.o=nn.Linear(6,2)
    def forward(s,x):
        return s.o(s.a(x)+GRL.apply(s.b(x)))
torch.manual_seed(0)
n=Net(); o=torch.optim.SGD(n.parameters(),lr=.1)
for i in range(3):
    l=n(torch.randn(16,6)).pow(2).mean(); o.zero_grad(); l.backward(); o.step()

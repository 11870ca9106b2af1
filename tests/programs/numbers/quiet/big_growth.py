import torch
from torch import nn
torch.manual_seed(0)
w=nn.Parameter(torch.zeros(3)); b=nn.Parameter(torch.full((1,),1e-6)); o=torch.optim.SGD([w,b],lr=5.0)
x=torch.randn(20,3); y=x@torch.tensor([100.,-50.,3.])+1000
for i in range(6):
    l=((x*1e-2)@w+b-y).abs().mean(); o.zero_grad(); l.backward(); o.step()

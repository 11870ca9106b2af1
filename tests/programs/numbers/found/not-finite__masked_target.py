import torch
from torch import nn
torch.manual_seed(0)
net=nn.Linear(4,3); o=torch.optim.SGD(net.parameters(),.1)
for i in range(3):
    x=torch.randn(8,4); t=torch.randn(8,3); t[2]=float('nan'); ok=~t.isnan()
    d=(net(x)-t).pow(2); l=torch.where(ok,d,torch.zeros_like(d)).mean()  # here
    o.zero_grad(); l.backward(); o.step()

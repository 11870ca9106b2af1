import torch
from torch import nn
torch.manual_seed(0)
net=nn.Sequential(nn.Linear(3,16),nn.ReLU(),nn.Linear(16,1)); ps=list(net.parameters())
x,y=torch.randn(20,3),torch.randn(20,1)
v=[torch.randn_like(p) for p in ps]
for i in range(3):
    l=(net(x)-y).pow(2).mean()
    g=torch.autograd.grad(l,ps,create_graph=True)
    dot=sum((a*b).sum() for a,b in zip(g,v))
    v=[h/h.norm().clamp(min=1e-9) for h in torch.autograd.grad(dot,ps)]
print(v[0].norm())

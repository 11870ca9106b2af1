import torch
from torch import nn
from torch.func import functional_call
torch.manual_seed(0)
net=nn.Sequential(nn.Linear(1,16),nn.ReLU(),nn.Linear(16,1))
opt=torch.optim.Adam(net.parameters())
for it in range(3):
    fast=dict(net.named_parameters()); x=torch.rand(8,1); y=x.sin()
    for _ in range(2):
        l=(functional_call(net,fast,(x,))-y).pow(2).mean()
        g=torch.autograd.grad(l,list(fast.values()),create_graph=True)
        fast={k:v-0.1*d for (k,v),d in zip(fast.items(),g)}
    loss=(functional_call(net,fast,(x,))-y).pow(2).mean()
    opt.zero_grad(); loss.backward(); opt.step()

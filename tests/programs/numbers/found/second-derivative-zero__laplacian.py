import torch
from torch import nn
torch.manual_seed(0)
net=nn.Sequential(nn.Linear(2,16),nn.ReLU(),nn.Linear(16,1)); o=torch.optim.Adam(net.parameters())
def laplacian(f,x):
    x=x.clone().requires_grad_(True)
    y=f(x); g,=torch.autograd.grad(y.sum(),x,create_graph=True)
    return sum(torch.autograd.grad(g[:,i].sum(),x,create_graph=True,allow_unused=True)[0][:,i] for i in range(2))  # here
for i in range(3):
    x=torch.rand(16,2); l=(laplacian(net,x)+1).pow(2).mean()+net(torch.rand(4,2)).pow(2).mean()
    o.zero_grad(); l.backward(); o.step()

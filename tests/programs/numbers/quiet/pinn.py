import torch
from torch import nn
torch.manual_seed(0)
net=nn.Sequential(nn.Linear(2,20),nn.Tanh(),nn.Linear(20,20),nn.SiLU(),nn.Linear(20,1))
opt=torch.optim.LBFGS(net.parameters(),max_iter=4)
def closure():
    opt.zero_grad()
    X=torch.rand(30,2,requires_grad=True)
    u=net(X)
    g=torch.autograd.grad(u,X,torch.ones_like(u),create_graph=True)[0]
    uxx=torch.autograd.grad(g[:,0],X,torch.ones_like(g[:,0]),create_graph=True)[0][:,0]
    l=(g[:,1]-0.1*uxx).pow(2).mean()+net(torch.rand(9,2)).pow(2).mean()
    l.backward(); return l
for _ in range(3): opt.step(closure)

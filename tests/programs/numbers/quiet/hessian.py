import torch
from torch import nn
torch.manual_seed(0)
net=nn.Sequential(nn.Linear(3,8),nn.ReLU(),nn.Linear(8,1))
x=torch.randn(3)
J=torch.autograd.functional.jacobian(lambda t: net(t), x)
H=torch.autograd.functional.hvp(lambda w: ((torch.randn(5,3)@w).relu()).pow(2).sum(), x, torch.ones(3))
n2=nn.Sequential(nn.Linear(3,8),nn.Softplus(),nn.Linear(8,1))
for i in range(3):
    z=torch.randn(4,3,requires_grad=True)
    e=n2(z).sum(); f,=torch.autograd.grad(e,z,create_graph=True)
    l=f.pow(2).mean()
    l.backward()
print(torch.autograd.functional.hessian(lambda t: n2(t).sum(), x).norm())

import torch
from torch import nn
torch.manual_seed(0)
D=nn.Sequential(nn.Linear(4,16),nn.ReLU(),nn.Linear(16,16),nn.LeakyReLU(0.2),nn.Linear(16,1))
opt=torch.optim.Adam(D.parameters())
for i in range(3):
    x=torch.randn(8,4,requires_grad=True)
    s=D(x)
    g,=torch.autograd.grad(s.sum(),x,create_graph=True)
    loss=s.mean()+10*(g.norm(dim=1)-1).pow(2).mean()
    opt.zero_grad(); loss.backward(); opt.step()

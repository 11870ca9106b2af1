import copy, torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
q=nn.Sequential(nn.Linear(4,16),nn.ReLU(),nn.Linear(16,2)); t=copy.deepcopy(q).requires_grad_(False); v=nn.Linear(4,1)
f=nn.Sequential(nn.Linear(2,16),nn.Tanh(),nn.Linear(16,1))
o=torch.optim.Adam([*q.parameters(),*v.parameters(),*f.parameters()])
for i in range(4):
    s,a,r,s2=torch.randn(8,4),torch.randint(0,2,(8,1)),torch.randn(8),torch.randn(8,4)
    y=r+.99*t(s2).max(1).values
    y2=r+.99*q(s2).max(1).values.detach()
    with torch.no_grad(): tv=r+.9*v(s2).squeeze(1)
    l=F.mse_loss(q(s).gather(1,a).squeeze(1),y)+(q(s).gather(1,a).squeeze(1)-y2).pow(2).mean()+F.smooth_l1_loss(v(s).squeeze(1),tv)
    x=torch.rand(8,2,requires_grad=True); u=f(x); g=torch.autograd.grad(u.sum(),x,create_graph=True)[0]
    l=l+(g[:,:1]-(x[:,:1]+0.1*u)).pow(2).mean()+(q(s)-q(s+.01)).pow(2).mean()+F.relu(1+.5*(v(s)-v(s2))).mean()
    o.zero_grad(); l.backward(); o.step()

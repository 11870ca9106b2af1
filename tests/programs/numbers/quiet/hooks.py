import torch
from torch import nn
torch.manual_seed(0)
net=nn.Sequential(nn.Linear(6,8),nn.ReLU(),nn.Linear(8,8)); head=nn.Linear(8,1); aux=nn.Linear(8,1)
o=torch.optim.SGD([*net.parameters(),*head.parameters(),*aux.parameters()],.05)
for p in net.parameters(): p.register_hook(lambda g: g.clamp(-1,1))
net[2].weight.register_hook(lambda g: g.mul_(0.5))
def bh(m,gi,go): return tuple(None if g is None else g*1.0 for g in gi)
net[1].register_full_backward_hook(bh)
for i in range(3):
    x=torch.randn(12,6); z=net(x); z.register_hook(lambda g: g/ (g.norm()+1e-9))
    y=z+z.tanh(); l=head(y).pow(2).mean()+aux(z.clone()).pow(2).mean()+(z+y).pow(2).mean()
    o.zero_grad(); l.backward(); o.step()

import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
class Q(nn.Module):
    def __init__(s,i,o): super().__init__(); s.l=nn.Linear(i,o); s.scale=nn.Parameter(torch.tensor(.1))
    def forward(s,x):
        w=s.l.weight/s.scale; q=(w.round()-w).detach()+w; q=q.clamp(-8,7)*s.scale
        return F.linear(x,q,s.l.bias)
net=nn.Sequential(Q(6,8),nn.ReLU6(),Q(8,2)); o=torch.optim.SGD(net.parameters(),.05)
for i in range(4):
    x=torch.randn(8,6); l=F.cross_entropy(net(x),torch.randint(0,2,(8,))); o.zero_grad(); l.backward(); o.step()
    lvl=torch.floor(net(x)*10)

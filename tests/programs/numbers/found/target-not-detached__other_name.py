import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
q=nn.Sequential(nn.Linear(4,16),nn.ReLU(),nn.Linear(16,2)); o=torch.optim.Adam(q.parameters())
class Agent:
    def td(self,b):
        s,a,r,s2=b
        nxt,_=q(s2).max(dim=1)
        y=r+.99*nxt  # here
        return F.smooth_l1_loss(q(s).gather(1,a).squeeze(1),y)
ag=Agent()
for i in range(4):
    b=(torch.randn(8,4),torch.randint(0,2,(8,1)),torch.randn(8),torch.randn(8,4))
    l=ag.td(b); o.zero_grad(); l.backward(); o.step()

import torch
from torch import nn
from torch.distributions import Normal
torch.manual_seed(0)
class A(nn.Module):
    def __init__(s): super().__init__(); s.m=nn.Sequential(nn.Linear(3,16),nn.Tanh(),nn.Linear(16,1)); s.ls=nn.Parameter(torch.zeros(1)); s.v=nn.Linear(3,1)
    def dist(s,x): return Normal(s.m(x),s.ls.exp())
ag=A(); o=torch.optim.Adam(ag.parameters())
def rollout():
    xs,acts,lps,rs=[],[],[],[]
    for _ in range(10):
        x=torch.randn(3); d=ag.dist(x); a=d.sample(); xs.append(x); acts.append(a); lps.append(d.log_prob(a)); rs.append(-x.norm())
    return torch.stack(xs),torch.stack(acts),torch.cat(lps),torch.stack(rs)
for it in range(4):
    x,a,old,r=rollout()
    lp=ag.dist(x).log_prob(a).squeeze(-1); ratio=torch.exp(lp-old); adv=r-ag.v(x).squeeze(-1)  # here
    l=-torch.minimum(ratio*adv.detach(),ratio.clamp(.8,1.2)*adv.detach()).mean()+adv.pow(2).mean()
    o.zero_grad(); l.backward(); o.step()

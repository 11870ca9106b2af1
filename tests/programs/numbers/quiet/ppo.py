import torch, torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical
torch.manual_seed(0)
class AC(nn.Module):
    def __init__(s): super().__init__(); s.b=nn.Sequential(nn.Linear(4,16),nn.Tanh()); s.pi=nn.Linear(16,3); s.v=nn.Linear(16,1)
    def forward(s,x): h=s.b(x); return Categorical(logits=s.pi(h)), s.v(h).squeeze(-1)
m=AC(); o=torch.optim.Adam(m.parameters())
for it in range(3):
    x=torch.randn(32,4)
    with torch.no_grad():
        d,v=m(x); a=d.sample(); lp=d.log_prob(a)
    ret=torch.randn(32); adv=(ret-v); adv=(adv-adv.mean())/(adv.std()+1e-8)
    for ep in range(3):
        d,v=m(x); r=(d.log_prob(a)-lp).exp()
        l=-torch.min(r*adv,r.clamp(.8,1.2)*adv).mean()+.5*F.mse_loss(v,ret)-.01*d.entropy().mean()
        o.zero_grad(); l.backward(); nn.utils.clip_grad_norm_(m.parameters(),.5); o.step()

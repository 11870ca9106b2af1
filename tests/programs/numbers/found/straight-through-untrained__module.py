import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
class VQ(nn.Module):
    def __init__(s): super().__init__(); s.e=nn.Embedding(5,2)
    def forward(s,z):
        d=(z.unsqueeze(1)-s.e.weight).pow(2).sum(-1); i=d.argmin(1)
        q=s.e.weight[i]
        q=z+(q-z).detach()
        loss=(q-z.detach()).pow(2).mean()+0.25*(q.detach()-z).pow(2).mean()  # here
        return q,loss
class M(nn.Module):
    def __init__(s): super().__init__(); s.enc=nn.Linear(6,2); s.vq=VQ(); s.dec=nn.Linear(2,6)
    def forward(s,x):
        q,l=s.vq(s.enc(x)); return s.dec(q),l
m=M(); opt=torch.optim.Adam(m.parameters())
for _ in range(3):
    x=torch.randn(16,6); r,l=m(x); l=l+F.mse_loss(r,x)
    opt.zero_grad(); l.backward(); opt.step()

import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
class VQ(nn.Module):
    def __init__(s): super().__init__(); s.emb=nn.Embedding(5,2); s.register_buffer('n',torch.ones(5)); s.register_buffer('w',s.emb.weight.data.clone())
    def forward(s,z):
        i=torch.cdist(z,s.emb.weight).argmin(1); oh=F.one_hot(i,5).float(); q=s.emb(i)
        if s.training:
            s.n.mul_(.9).add_(oh.sum(0),alpha=.1); s.w.mul_(.9).add_(oh.T@z.detach(),alpha=.1); s.emb.weight.data.copy_(s.w/(s.n+1e-5)[:,None])
        return z+(q-z).detach(), .25*F.mse_loss(q.detach(),z)
enc,dec,vq=nn.Linear(6,2),nn.Linear(2,6),VQ()
m=nn.ModuleList([enc,dec,vq]); opt=torch.optim.Adam(m.parameters())
for i in range(4):
    x=torch.randn(16,6); st,c=vq(enc(x)); l=F.mse_loss(dec(st),x)+c
    opt.zero_grad(); l.backward(); opt.step()

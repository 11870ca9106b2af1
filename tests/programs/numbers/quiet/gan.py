import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
G=nn.Sequential(nn.Linear(3,16),nn.BatchNorm1d(16),nn.ReLU(),nn.Linear(16,4)); D=nn.Sequential(nn.Linear(4,16),nn.LeakyReLU(.2),nn.Linear(16,1))
go=torch.optim.Adam(G.parameters(),1e-3); do=torch.optim.Adam(D.parameters(),1e-3)
for i in range(4):
    r=torch.randn(16,4); f=G(torch.randn(16,3))
    dl=F.binary_cross_entropy_with_logits(D(r),torch.ones(16,1))+F.binary_cross_entropy_with_logits(D(f.detach()),torch.zeros(16,1))
    do.zero_grad(); dl.backward(); do.step()
    gl=F.binary_cross_entropy_with_logits(D(f),torch.ones(16,1)); go.zero_grad(); gl.backward(); go.step()
    print((F.mse_loss(r.mean(0),f.detach().mean(0))+dl.detach()).item())

import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
enc,dec=nn.Linear(6,2),nn.Linear(2,6); book=nn.Parameter(torch.randn(5,2))
tau=nn.Linear(2,4)
opt=torch.optim.Adam([*enc.parameters(),*dec.parameters(),*tau.parameters()])
x=torch.randn(16,6)
for _ in range(3):
    z=enc(x)
    with torch.no_grad():
        i=torch.cdist(z,book).argmin(1); q=book[i]
    st=z+(q-z).detach()
    y=tau(z).softmax(-1); hard=F.one_hot(y.argmax(-1),4).float(); yh=hard-y.detach()+y
    l=F.mse_loss(dec(st),x)+.25*F.mse_loss(z,q)+yh.pow(2).sum(0).mean()+(z.round()-z).detach().add(z).pow(2).mean()
    opt.zero_grad(); l.backward(); opt.step()
    with torch.no_grad(): book[i]=.9*book[i]+.1*z

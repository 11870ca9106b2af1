import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
T=nn.Linear(4,3).requires_grad_(False); S=nn.Linear(4,3); E=nn.Linear(4,4)
o=torch.optim.SGD([*S.parameters(),*E.parameters()],lr=.1)
for i in range(6):
    E.requires_grad_(i>=3)
    x=torch.randn(8,4); y=torch.randint(0,3,(8,))
    with torch.no_grad(): p=T(x).softmax(-1)
    aux=F.mse_loss(E(x),x)
    l=F.cross_entropy(S(x),y)+F.kl_div(F.log_softmax(S(x),-1),p,reduction='batchmean')+aux
    ent=-(p*p.log()).sum(-1).mean()
    l=l-ent
    w=1/(1+F.mse_loss(T(x).softmax(-1),F.one_hot(y,3).float()))
    l=l*w
    o.zero_grad(); l.backward(); o.step()
    with torch.no_grad(): v=F.cross_entropy(S(x),y)
    acc=F.l1_loss(S(x).detach(),F.one_hot(y,3).float()); print(acc.item())

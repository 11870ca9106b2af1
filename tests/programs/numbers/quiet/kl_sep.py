import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
# VAE with own KL, label smoothing by kl_div, Gumbel, NLL for Gaussian
enc=nn.Linear(6,4); dec=nn.Linear(2,6); cl=nn.Linear(6,5); o=torch.optim.Adam([*enc.parameters(),*dec.parameters(),*cl.parameters()])
for i in range(3):
    x=torch.randn(8,6); mu,lv=enc(x).chunk(2,1); z=mu+torch.randn_like(mu)*(lv/2).exp()
    kl=-.5*(1+lv-mu.pow(2)-lv.exp()).sum(1).mean()
    sm=torch.full((8,5),.1/4).scatter(1,torch.randint(0,5,(8,1)),.9)
    lab=F.kl_div(F.log_softmax(cl(x),-1),sm,reduction='batchmean')
    g=F.gumbel_softmax(cl(x),hard=True)
    nl=F.nll_loss(F.log_softmax(cl(x).unsqueeze(-1).expand(8,5,3),1),torch.randint(0,5,(8,3)))
    ls=F.nll_loss(nn.LogSoftmax(dim=1)(cl(x)),torch.randint(0,5,(8,)))
    l=F.mse_loss(dec(z),x)+kl+lab+g.pow(2).sum()*.01+nl+ls
    o.zero_grad(); l.backward(); o.step()

import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
r=nn.Sequential(nn.Linear(4,8),nn.ReLU(),nn.Linear(8,1)); o=torch.optim.Adam(r.parameters())
c=nn.Linear(4,1); oc=torch.optim.Adam(c.parameters())
for i in range(4):
    w,l=torch.randn(8,4),torch.randn(8,4)
    loss=-F.logsigmoid(r(w)-r(l)).mean(); o.zero_grad(); loss.backward(); o.step()
    loss=(c(w)-c(l)).pow(2).mean()+F.margin_ranking_loss(c(w),c(l),torch.ones(8,1),margin=.1)
    oc.zero_grad(); loss.backward(); oc.step()

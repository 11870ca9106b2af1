import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
s=nn.Linear(4,3); o=torch.optim.SGD(s.parameters(),lr=.1); crit=nn.KLDivLoss(reduction="batchmean", log_target=True); nll=nn.NLLLoss()
x=torch.randn(8,4); t=torch.log_softmax(torch.randn(8,3),1); y=torch.randint(0,3,(8,))
for _ in range(2):
    z=s(x)
    p=torch.softmax(z,-1).clamp(min=1e-8)
    a=crit(p,t)  # here
    b=F.kl_div(z, t.exp(), reduction='batchmean')  # here
    c=nll(z,y)  # here
    d=nll(p+1e-8,y)  # here
    o.zero_grad(); (a+b+c+d).backward(); o.step()

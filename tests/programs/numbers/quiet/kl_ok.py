import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
s=nn.Linear(4,3); te=nn.Linear(4,3); crit=nn.KLDivLoss(reduction="batchmean", log_target=True); nll=nn.NLLLoss()
x=torch.randn(8,4); y=torch.randint(0,3,(8,))
att=nn.Linear(4,1); gate=nn.Linear(4,3)
o=torch.optim.SGD([p for m in (s,te,att,gate) for p in m.parameters()],lr=.1)
for _ in range(2):
    z=s(x); tz=te(x)
    a=crit(F.log_softmax(z/2,-1),F.log_softmax(tz/2,-1))
    b=F.kl_div(torch.log(torch.softmax(z,1)+1e-8), tz.softmax(1), reduction='batchmean')
    c=nll(F.log_softmax(z,1),y)+F.cross_entropy(z,y)
    w=torch.softmax(att(x),0); pooled=(w*x).sum(0)
    disp=torch.softmax(gate(x),0).T@x
    u=F.log_softmax(s(x[0]),0)[1]
    clip=F.cross_entropy((z@tz.T).T,torch.arange(8))+F.cross_entropy(z@tz.T,torch.arange(8))
    o.zero_grad(); (a+b+c+pooled.sum()+disp.pow(2).sum()+u+clip).backward(); o.step()

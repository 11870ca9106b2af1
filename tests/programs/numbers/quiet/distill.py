import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
T=nn.Sequential(nn.Linear(4,16),nn.ReLU(),nn.Linear(16,3)).eval(); S=nn.Sequential(nn.Linear(4,8),nn.ReLU(),nn.Linear(8,3))
for p in T.parameters(): p.requires_grad=False
o=torch.optim.SGD(S.parameters(),.1)
for i in range(3):
    x=torch.randn(16,4); y=torch.randint(0,3,(16,)); t=T(x); s=S(x)
    soft=nn.KLDivLoss(reduction='batchmean')(F.log_softmax(s/4,1),F.softmax(t/4,1))*16
    hard=F.cross_entropy(s,y); ent=-(F.softmax(t,1)*F.log_softmax(t,1)).sum(1).mean()
    teacher_loss=F.cross_entropy(t,y)
    l=.9*soft+.1*hard; o.zero_grad(); l.backward(); o.step()
    print(l.item(), teacher_loss.item(), (teacher_loss+hard).item())

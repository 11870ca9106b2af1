import torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
# set attention, expert choice, CLIP, pointer over time
a=nn.Linear(8,1); ex=nn.Linear(8,4); val=nn.Linear(8,8); o=torch.optim.Adam([*a.parameters(),*ex.parameters(),*val.parameters()])
for i in range(3):
    h=torch.randn(12,8)
    p=torch.softmax(a(h),0); pooled=(p*val(h)).sum(0)
    g=torch.softmax(ex(h),0); top,idx=g.topk(3,0); y=(top.sum()+g.gather(0,idx).pow(2).sum())
    sc=val(h)@h.T; l=(F.cross_entropy(sc,torch.arange(12))+F.cross_entropy(sc.T,torch.arange(12)))/2
    t=F.log_softmax(val(h),0); pick=t.gather(0,torch.randint(0,12,(1,8))).mean()
    loss=pooled.pow(2).sum()+y+l-pick
    o.zero_grad(); loss.backward(); o.step()

import copy, torch, torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
on=nn.Sequential(nn.Linear(8,16),nn.BatchNorm1d(16),nn.ReLU(),nn.Linear(16,4)); pr=nn.Linear(4,4); tg=copy.deepcopy(on).requires_grad_(False)
o=torch.optim.Adam([*on.parameters(),*pr.parameters()])
for i in range(4):
    a,b=torch.randn(16,8),torch.randn(16,8)
    with torch.no_grad(): ta,tb=tg(a),tg(b)
    l=2-F.cosine_similarity(pr(on(a)),tb).mean()-F.cosine_similarity(pr(on(b)),ta).mean()
    o.zero_grad(); l.backward(); o.step()
    with torch.no_grad():
        for p,q in zip(tg.parameters(),on.parameters()): p.mul_(.9).add_(q,alpha=.1)

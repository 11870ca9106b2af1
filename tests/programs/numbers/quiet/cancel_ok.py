import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
C=nn.Sequential(nn.Linear(4,8),nn.ReLU(),nn.Linear(8,1)); o=torch.optim.Adam(C.parameters())
S=nn.Sequential(nn.Linear(4,8),nn.BatchNorm1d(8),nn.ReLU(),nn.Linear(8,3)); o2=torch.optim.Adam(S.parameters())
for _ in range(3):
    l=C(torch.randn(16,4)).mean()-C(torch.randn(16,4)+1).mean()
    o.zero_grad(); l.backward(); o.step()
    a,b=torch.randn(16,4),torch.randn(16,4)
    za,zb=S(a),S(b)
    l=F.triplet_margin_loss(za,zb,S(a+b))+ (za-zb).pow(2).mean()+F.cross_entropy(za@zb.T,torch.arange(16))
    o2.zero_grad(); l.backward(); o2.step()

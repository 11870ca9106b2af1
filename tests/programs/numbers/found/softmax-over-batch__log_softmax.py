import torch, torch.nn as nn, torch.nn.functional as F
torch.manual_seed(0)
class P(nn.Module):
    def __init__(s): super().__init__(); s.l=nn.Linear(4,3)
    def forward(s,x): return F.log_softmax(s.l(x), 0)  # here
p=P(); o=torch.optim.SGD(p.parameters(),lr=.1)
x=torch.randn(8,4); y=torch.randint(0,3,(8,))
for _ in range(2):
    l=F.nll_loss(p(x),y)
    o.zero_grad(); l.backward(); o.step()

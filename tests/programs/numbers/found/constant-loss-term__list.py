import torch
from torch import nn
torch.manual_seed(0)
class Distill(nn.Module):
    def __init__(s): super().__init__(); s.mse=nn.MSELoss(); s.ce=nn.CrossEntropyLoss()
    def forward(s, out, teach, y):
        terms=[s.ce(out,y), 0.3*s.mse(teach, teach.roll(1))]  # here
        return sum(terms)
T=nn.Linear(4,3).requires_grad_(False); S=nn.Linear(4,3); c=Distill()
o=torch.optim.SGD(S.parameters(),lr=.1)
for _ in range(3):
    x=torch.randn(8,4); l=c(S(x),T(x),torch.randint(0,3,(8,)))
    o.zero_grad(); l.backward(); o.step()

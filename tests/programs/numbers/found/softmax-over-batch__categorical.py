import torch, torch.nn as nn
from torch.distributions import Categorical
torch.manual_seed(0)
class Pi(nn.Module):
    def __init__(s): super().__init__(); s.f=nn.Linear(4,16); s.o=nn.Linear(16,3); s.sm=nn.Softmax(dim=0)
    def forward(s,x): return s.sm(s.o(torch.relu(s.f(x))))  # here
p=Pi(); o=torch.optim.Adam(p.parameters())
for i in range(3):
    x=torch.randn(10,4); d=Categorical(p(x)); a=d.sample(); l=-(d.log_prob(a)*torch.randn(10)).mean()
    o.zero_grad(); l.backward(); o.step()

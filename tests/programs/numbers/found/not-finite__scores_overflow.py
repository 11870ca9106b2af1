import torch
import torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.01)
x = torch.randn(24, 5)
for step in range(3):
    h = net(x)
    loss = F.cross_entropy(h*1e38*1e5, torch.zeros(24,dtype=torch.long))  # here
    opt.zero_grad()
    loss.backward()
    opt.step()

import torch
import torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.01)
x = torch.randn(24, 5)
for step in range(3):
    h = net(x)
    if step == 1:
        with torch.no_grad(): net[0].weight[0,0] = float("nan")
    loss = net(x).pow(2).mean()  # here
    opt.zero_grad()
    loss.backward()
    opt.step()

import torch
import torch.nn.functional as F
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.01)
x = torch.randn(24, 5)
for step in range(3):
    h = net(x)
    x2 = x.clone(); x2[3,1]=float("nan")
    loss = F.mse_loss(net(x2), torch.zeros(24,3))  # here
    opt.zero_grad()
    loss.backward()
    opt.step()

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
net = nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
x, y = torch.randn(16, 4), torch.randn(16, 1)
for _ in range(3):
    optimizer.zero_grad()
    spread = net.weight.detach().numpy().std()  # here
    loss = F.mse_loss(net(x), y)
    loss = loss + 0.1 * spread
    loss.backward()
    optimizer.step()

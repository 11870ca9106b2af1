import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
net = nn.Linear(4, 3)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(4):
    x, y = torch.randn(16, 4), torch.randint(0, 3, (16,))
    chance_of_error = 1 + F.nll_loss(net(x).softmax(1), y)
    opt.zero_grad()
    chance_of_error.backward()
    opt.step()
for _ in range(4):
    x, y = torch.randn(16, 4), torch.randint(0, 3, (16,))
    scores = net(x)
    loss = F.nll_loss(scores, y) + torch.logsumexp(scores, dim=1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
net, head = nn.Linear(5, 3), nn.Linear(5, 1)
opt = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=1e-2)
for _ in range(4):
    x, y = torch.randn(16, 5), torch.randint(0, 3, (16,))
    scores = net(x)
    hardness = F.cross_entropy(scores.detach(), y, reduction="none")
    predicted = (head(x).squeeze(-1) - hardness).pow(2).mean()
    chance = F.cross_entropy(torch.zeros(16, 3), y)
    loss = torch.log(F.cross_entropy(scores, y) + chance) + predicted
    opt.zero_grad()
    loss.backward()
    opt.step()

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
net = nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
x, y = torch.randn(16, 4), torch.randn(16, 1)
history, best = [], float("inf")
for step in range(4):
    optimizer.zero_grad()
    loss = F.mse_loss(net(x), y)
    size = sum(p.detach().norm().item() for p in net.parameters())
    spread = net.weight.detach().numpy().std()
    rows = [sum(row) for row in net.weight.tolist()]
    total = size + float(spread) + sum(rows) + loss.item()
    weight = 1 / (1 + loss.detach().item())
    (loss * weight).backward()
    optimizer.step()
    history.append(total)
    best = min(best, total + step)
    print(f"{step}: {loss.item() + size:.3f}")

import torch
from torch import nn

torch.manual_seed(0)
backbone = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
head = nn.Linear(4 * 36, 3)
opt = torch.optim.Adam(head.parameters())
for _i in range(5):
    x = torch.randn(4, 1, 8, 8)
    with torch.no_grad():
        f = backbone(x)
    loss = nn.functional.cross_entropy(head(f), torch.randint(0, 3, (4,)))
    opt.zero_grad()
    loss.backward()
    opt.step()

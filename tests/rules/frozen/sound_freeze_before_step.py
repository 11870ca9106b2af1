import torch
from torch import nn

torch.manual_seed(0)
G = nn.Linear(2, 3)
D = nn.Linear(3, 1)
opt = torch.optim.Adam([*G.parameters(), *D.parameters()], lr=1e-3, weight_decay=0.1)
od = torch.optim.SGD(D.parameters(), lr=0.1, momentum=0.9)
for _i in range(5):
    D.requires_grad_(True)
    opt.zero_grad(set_to_none=False)
    f = G(torch.randn(4, 2))
    D(f.detach()).pow(2).mean().backward()
    D.requires_grad_(False)
    (-D(f).mean()).backward()
    opt.step()
for _i in range(3):
    od.zero_grad(set_to_none=False)
    D.requires_grad_(True)
    D(torch.randn(4, 3)).pow(2).mean().backward()
    D.requires_grad_(False)
    od.step()
D.requires_grad_(True)

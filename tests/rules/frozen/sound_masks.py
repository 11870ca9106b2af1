import torch
from torch import nn
from torch.nn.utils import prune

torch.manual_seed(0)


class MaskedLinear(nn.Linear):
    def __init__(self, i, o, mask):
        super().__init__(i, o)
        self.register_buffer("mask", mask)

    def forward(self, x):
        self.weight.data *= self.mask
        return super().forward(x)


class STN(nn.Linear):
    def __init__(self):
        super().__init__(4, 6)
        self.weight.data.zero_()
        self.bias.data.copy_(torch.tensor([1, 0, 0, 0, 1, 0.0]))


net = nn.Sequential(MaskedLinear(4, 4, torch.tril(torch.ones(4, 4))), nn.ReLU(), STN(), nn.Linear(6, 1))
nn.init.sparse_(net[3].weight, 0.5)
net2 = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
prune.l1_unstructured(net2[0], "weight", 0.5)
net3 = nn.Linear(4, 4)
mask = (torch.rand(4, 4) > 0.5).float()
emb = nn.Embedding(6, 4)
emb.weight.data[0] = 0
opt = torch.optim.Adam([*net.parameters(), *net2.parameters(), *net3.parameters(), *emb.parameters()], lr=1e-2)
for i in range(8):
    x = torch.randn(8, 4)
    opt.zero_grad()
    (
        net(x).pow(2).mean()
        + net2(x).pow(2).mean()
        + net3(x).pow(2).mean()
        + emb(torch.tensor([0, 1, 2])).pow(2).mean()
    ).backward()
    opt.step()
    if i > 1:
        net3.weight.data.mul_(mask)
    with torch.no_grad():
        net[3].bias.copy_(net[3].bias.clamp(-1, 1))
        emb.weight.mul_(torch.rand(6, 1))
with torch.no_grad():
    net2[2].weight[:, :2] = 0
for _ in range(3):
    opt.zero_grad()
    net2(x).pow(2).mean().backward()
    opt.step()

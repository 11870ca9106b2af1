import torch
from torch import nn


class AttPool(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(d, d), nn.Tanh(), nn.Linear(d, 1))

    def forward(self, x):
        w = torch.softmax(self.score(x), dim=2)
        return (w * x).sum(1)


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.inst = nn.Linear(6, 10)
        self.pool = AttPool(10)
        self.out = nn.Linear(10, 1)

    def forward(self, x):
        return self.out(self.pool(torch.relu(self.inst(x)))).squeeze(-1)


torch.manual_seed(0)
bag = Bag()
opt = torch.optim.Adam(bag.parameters(), 1e-2)
for step in range(5):
    x = torch.randn(8, 9, 6)
    loss = nn.functional.binary_cross_entropy_with_logits(bag(x), (x[..., 0].amax(1) > 1).float())
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, loss.item())

import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.body = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
        self.head = nn.Linear(4, 2)

    def freeze(self):
        self.body.requires_grad = False

    def forward(self, x):
        return self.head(self.body(self.embed(x)))


net = Net()
net.freeze()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(4):
    opt.zero_grad()
    nn.functional.cross_entropy(net(torch.randint(0, 10, (8,))), torch.randint(0, 2, (8,))).backward()
    opt.step()

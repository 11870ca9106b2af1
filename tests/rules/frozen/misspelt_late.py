import torch
from torch import nn

torch.manual_seed(0)


def fit(net, opt, n):
    for _ in range(n):
        opt.zero_grad()
        net(torch.randn(8, 4)).pow(2).mean().backward()
        opt.step()


def freeze(m):
    for p in m.parameters():
        p.requires_grads = False


def main():
    a = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    fit(a, torch.optim.SGD(a.parameters(), lr=0.01), 30)
    b = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    b.load_state_dict(a.state_dict())
    freeze(b[0])
    fit(b, torch.optim.SGD(b.parameters(), lr=0.01), 5)


main()

import torch
from torch import nn

torch.manual_seed(0)


def local(net, mu=0.1):
    glob = [p.detach() for p in net.parameters()]
    opt = torch.optim.SGD(net.parameters(), lr=1e-2)
    for _i in range(5):
        loss = net(torch.randn(8, 4)).pow(2).mean()
        prox = 0.0
        for w, w0 in zip(net.parameters(), glob, strict=False):
            prox = prox + ((w - w0) ** 2).sum()
        loss = loss + mu / 2 * prox
        opt.zero_grad()
        loss.backward()
        opt.step()


local(nn.Linear(4, 2))

import copy
import io

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(4, 2)
head = nn.Linear(4, 2)
head.weight = net.weight
opt = torch.optim.SGD([*net.parameters(), head.bias], lr=1e-2)
ema = {k: v.clone() for k, v in net.state_dict().items()}
clients = [copy.deepcopy(net) for _ in range(2)]
for _i in range(5):
    loss = net(torch.randn(8, 4)).pow(2).mean() + head(torch.randn(8, 4)).pow(2).mean()
    loss = loss + ((net.weight - net.weight.detach()) ** 2).sum()
    old = net.weight.detach().clone()
    opt.zero_grad()
    loss.backward()
    opt.step()
    (net.weight - old).abs().max()
    for k, v in net.state_dict().items():
        ema[k].mul_(0.9).add_(v, alpha=0.1)
    buf = io.BytesIO()
    torch.save(net.state_dict(), buf)
    buf.seek(0)
    glob = net.state_dict()
    for c in clients:
        co = torch.optim.SGD(c.parameters(), lr=0.01)
        co.zero_grad()
        c(torch.randn(3, 4)).sum().backward()
        co.step()
    for k in glob:
        glob[k].copy_(torch.stack([c.state_dict()[k] for c in clients]).mean(0))
    net.load_state_dict(glob)
    net.load_state_dict(torch.load(buf))
    for c in clients:
        c.load_state_dict(net.state_dict())
assert torch.equal(head.weight, net.weight)

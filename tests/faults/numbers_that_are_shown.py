"""A loop that prints and keeps numbers; none of them goes into the loss, which has a constant term."""

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(3, 2)
opt = torch.optim.SGD(net.parameters(), 0.01)
logs, history = [], {}
for step in range(4):
    out = net(torch.randn(4, 3))
    a = out[:, 0].pow(2).mean()
    b = out[:, 1].abs().mean()
    loss = a + 0.1 * b
    loss = loss + 1e-3
    opt.zero_grad()
    loss.backward()
    opt.step()
    logs.append(dict(loss=loss.item(), a=a.item()))
    history["loss"] = loss.item()
    print("loss=", loss.item(), f"a={a.item()}", f"b={b.item():.3f}", end="\n")
    loss = loss.item()

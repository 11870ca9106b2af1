"""Two terms of the loss are numbers: what a method returns, and a norm that was made a float."""

import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Linear):
    def penalty(self):
        return self.weight.norm().item()


net = Net(3, 2)
opt = torch.optim.SGD(net.parameters(), 0.01)
for step in range(3):
    loss = net(torch.randn(4, 3)).pow(2).mean()
    loss = loss + net.penalty()
    reg = float(net.bias.norm())
    loss += 0.1 * reg
    opt.zero_grad()
    loss.backward()
    opt.step()

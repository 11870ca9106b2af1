"""A Function and a hook that draw random numbers in backward, beside dropout in an LSTM and numpy's own numbers."""

import numpy
import torch
from _bits import bits
from torch import nn

numpy.random.seed(0)


class Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, low):
        ctx.save_for_backward(x)
        ctx.low = low
        return x.clamp(min=low)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x > ctx.low) + torch.randn_like(gradient) * 0.01, None


net = nn.LSTM(3, 5, num_layers=2, dropout=0.2, batch_first=True, bidirectional=True)
net.weight_ih_l0.register_hook(lambda gradient: gradient + torch.rand(()))
optimizer = torch.optim.NAdam(net.parameters())
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
for _ in range(6):
    optimizer.zero_grad()
    out, (hidden, _) = net(torch.randn(2, 7, 3) * float(numpy.random.rand()))
    loss = Clamp.apply(out, 0.0).square().mean() + hidden.abs().sum()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    optimizer.step()
    schedule.step()
print(bits(net, loss), numpy.random.get_state()[1].sum(), schedule.get_last_lr())

"""Quantisation-aware training: fake quantisation with rounding and the straight-through estimator, three spellings."""

import torch
import torch.nn.functional as F
from torch import nn


class RoundSTE(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output


class Sign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sign(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x.abs() <= 1).float()


def round_pass(x):
    return (x.round() - x).detach() + x


def fake_quant(w, bits=4):
    scale = w.detach().abs().max() / (2 ** (bits - 1) - 1)
    return torch.clamp(RoundSTE.apply(w / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) * scale


class QLinear(nn.Linear):
    def forward(self, x):
        return F.linear(x, fake_quant(self.weight), self.bias)


class LSQLinear(nn.Linear):
    def __init__(self, *args):
        super().__init__(*args)
        self.s = nn.Parameter(self.weight.detach().abs().mean() * 2 / 7**0.5)

    def forward(self, x):
        g = 1.0 / (self.weight.numel() * 7) ** 0.5
        s = (self.s - self.s * g).detach() + self.s * g
        w = round_pass((self.weight / s).clamp(-8, 7)) * s
        return F.linear(x, w, self.bias)


class BinaryLinear(nn.Linear):
    def forward(self, x):
        return F.linear(Sign.apply(x), Sign.apply(self.weight), self.bias)


class QuantNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.bn, self.fc3 = QLinear(8, 16), LSQLinear(16, 16), nn.BatchNorm1d(16), BinaryLinear(16, 3)

    def forward(self, x):
        return self.fc3(self.bn(self.fc2(F.relu(self.fc1(x)))))


torch.manual_seed(0)
net = QuantNet()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(6):
    x, y = torch.randn(32, 8), torch.randint(0, 3, (32,))
    loss = F.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    for m in net.modules():
        if isinstance(m, BinaryLinear):
            m.weight.data.clamp_(-1, 1)
    print(epoch, "loss", loss.item())

native = torch.nn.Sequential(nn.Linear(4, 4))
opt = torch.optim.SGD(native.parameters(), lr=0.1)
for _ in range(4):
    w = torch.fake_quantize_per_tensor_affine(native[0].weight, 0.05, 0, -128, 127)
    loss = F.linear(torch.randn(8, 4), w, native[0].bias).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()

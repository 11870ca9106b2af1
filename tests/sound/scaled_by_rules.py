"""Functions with gradients of their own: reversal (DANN), scaling, clipping of a gradient, gates, a hook per layer."""

import torch
import torch.nn.functional as F
from torch import nn


class ReverseLayerF(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.alpha, None


class ClipGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, bound):
        ctx.bound = bound
        return x

    @staticmethod
    def backward(ctx, g):
        return g.clamp(-ctx.bound, ctx.bound), None


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return g * (s * (1 + x * (1 - s)))


class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.feature, self.label, self.domain = nn.Linear(6, 12), nn.Linear(12, 3), nn.Linear(12, 2)

    def forward(self, x, alpha):
        f = Swish.apply(self.feature(x))
        return self.label(ClipGradient.apply(f, 0.1)), self.domain(ReverseLayerF.apply(f, alpha))


torch.manual_seed(0)
net = DANN()
for p in net.parameters():
    p.register_hook(lambda g: torch.nan_to_num(g).clamp(-1, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
n = 6
for i in range(n):
    p = i / n
    alpha = 2.0 / (1.0 + torch.exp(torch.tensor(-10.0 * p)).item()) - 1
    opt.zero_grad()
    cls, dom = net(torch.randn(8, 6), alpha)
    err_label = F.cross_entropy(cls, torch.randint(0, 3, (8,)))
    err_s = F.cross_entropy(dom, torch.zeros(8, dtype=torch.long))
    _, dom = net(torch.randn(8, 6) + 1, alpha)
    err_t = F.cross_entropy(dom, torch.ones(8, dtype=torch.long))
    err = err_t + err_s + err_label
    err.backward()
    opt.step()
    print("iter: %d err_s_label: %f err_s_domain: %f err_t_domain: %f" % (i, err_label.data.cpu().numpy(), err_s.data.cpu().numpy(), err_t.data.cpu().item()))

"""A neural ODE: Runge-Kutta written out, and the adjoint method as a custom Function."""

import torch
from torch import nn


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))

    def forward(self, t, y):
        return self.net(y**3)


def rk4(f, y, t0, t1, n=4):
    h = (t1 - t0) / n
    t = t0
    for _ in range(n):
        k1 = f(t, y)
        k2 = f(t + h / 2, y + h / 2 * k1)
        k3 = f(t + h / 2, y + h / 2 * k2)
        k4 = f(t + h, y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        t = t + h
    return y


class Adjoint(torch.autograd.Function):
    @staticmethod
    def forward(ctx, field, y0, t0, t1, *params):
        with torch.no_grad():
            y1 = rk4(field, y0, t0, t1)
        ctx.field, ctx.t0, ctx.t1 = field, t0, t1
        ctx.save_for_backward(y1, *params)
        return y1

    @staticmethod
    def backward(ctx, grad):
        y, *params = ctx.saved_tensors
        a, h = grad, (ctx.t1 - ctx.t0) / 4
        grads = [torch.zeros_like(p) for p in params]
        for _ in range(4):
            with torch.enable_grad():
                y_ = y.detach().requires_grad_(True)
                f = ctx.field(0.0, y_)
                da, *dp = torch.autograd.grad(f, (y_, *params), a)
            y = y - h * f.detach()
            a = a + h * da
            grads = [g + h * d for g, d in zip(grads, dp)]
        return None, a, None, None, *grads


def odeint_adjoint(field, y0, t0, t1):
    return Adjoint.apply(field, y0, t0, t1, *field.parameters())


torch.manual_seed(0)
target = torch.randn(8, 2)
for solve in (rk4, odeint_adjoint):
    field = Field()
    optimizer = torch.optim.RMSprop(field.parameters(), lr=1e-3)
    for it in range(5):
        optimizer.zero_grad()
        y0 = torch.randn(8, 2)
        pred = solve(field, y0, 0.0, 1.0)
        loss = (pred - target).abs().mean()
        loss.backward()
        optimizer.step()
        print("Iter {:04d} | Total Loss {:.6f}".format(it, loss.item()))

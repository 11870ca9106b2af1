"""A deep equilibrium model: the fixed point without a graph, its gradient by a hook that solves for it."""

import torch
import torch.nn.functional as F
from torch import nn


class Cell(nn.Module):
    def __init__(self, d=8):
        super().__init__()
        self.w, self.u = nn.Linear(d, d, bias=False), nn.Linear(d, d)
        nn.init.normal_(self.w.weight, std=0.05)

    def forward(self, z, x):
        return torch.tanh(self.w(z) + self.u(x))


def solve(f, z, tol=1e-4, most=30):
    for _ in range(most):
        new = f(z)
        if (new - z).norm().item() < tol:
            break
        z = new
    return new


class DEQ(nn.Module):
    def __init__(self, d=8):
        super().__init__()
        self.f = Cell(d)

    def forward(self, x):
        with torch.no_grad():
            z = solve(lambda z: self.f(z, x), torch.zeros_like(x))
        z = self.f(z, x)
        z0 = z.clone().detach().requires_grad_()
        f0 = self.f(z0, x)

        def backward_hook(grad):
            return solve(lambda g: torch.autograd.grad(f0, z0, g, retain_graph=True)[0] + grad, grad)

        if z.requires_grad:
            z.register_hook(backward_hook)
        return z


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), DEQ(), nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(6):
    x, y = torch.randn(16, 4), torch.randint(0, 3, (16,))
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(f"step {step} loss {loss.item():.4f}")

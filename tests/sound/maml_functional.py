"""MAML with `functional_call`: inner steps by `autograd.grad(create_graph=True)`, outer by Adam."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 1))

    def forward(self, x):
        return self.net(x)


def sines(n):
    amp = torch.rand(n) * 4 + 1
    phase = torch.rand(n) * 3
    for a, p in zip(amp, phase):
        x = torch.rand(20, 1) * 10 - 5
        yield (x[:10], a * torch.sin(x[:10] + p)), (x[10:], a * torch.sin(x[10:] + p))


def adapt(model, params, x, y, steps, lr):
    for _ in range(steps):
        loss = F.mse_loss(functional_call(model, params, (x,)), y)
        grads = torch.autograd.grad(loss, params.values(), create_graph=True)
        params = {k: v - lr * g for (k, v), g in zip(params.items(), grads)}
    return params


def main():
    torch.manual_seed(1)
    model = Regressor()
    meta = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(meta, 10)
    curve = []
    for iteration in range(6):
        outer = 0.0
        meta.zero_grad()
        for (xs, ys), (xq, yq) in sines(3):
            fast = adapt(model, dict(model.named_parameters()), xs, ys, steps=2, lr=0.01)
            outer = outer + F.mse_loss(functional_call(model, fast, (xq,)), yq)
        outer = outer / 3
        outer.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        meta.step()
        scheduler.step()
        curve.append(outer.item())
        print(f"iteration {iteration} outer loss {outer.item():.3f} lr {scheduler.get_last_lr()[0]:.2e}")


main()

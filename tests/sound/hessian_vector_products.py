"""Influence functions by conjugate gradients over Hessian-vector products, top eigenvalue, Fisher diagonal, EWC."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


def flat(tensors):
    return torch.cat([t.reshape(-1) for t in tensors])


def hvp(loss, params, v):
    grads = torch.autograd.grad(loss, params, create_graph=True, retain_graph=True)
    return flat(torch.autograd.grad(flat(grads) @ v, params, retain_graph=True)).detach()


def conjugate_gradient(op, b, n=5):
    x, r = torch.zeros_like(b), b.clone()
    p = r.clone()
    for _ in range(n):
        ap = op(p)
        alpha = r @ r / (p @ ap + 1e-8)
        x, new = x + alpha * p, r - alpha * ap
        p = new + (new @ new) / (r @ r + 1e-8) * p
        r = new
    return x


def power_iteration(loss, params, n=5):
    v = torch.randn(sum(p.numel() for p in params))
    v /= v.norm()
    for _ in range(n):
        hv = hvp(loss, params, v)
        eig = (v @ hv).item()
        v = hv / (hv.norm() + 1e-8)
    return eig


def fisher(model, x, y):
    out = {n: torch.zeros_like(p) for n, p in model.named_parameters()}
    for xi, yi in zip(x, y):
        model.zero_grad()
        F.cross_entropy(model(xi[None]), yi[None]).backward()
        for n, p in model.named_parameters():
            out[n] += p.grad.data.pow(2) / len(x)
    model.zero_grad()
    return out


def train(model, x, y, penalty=None, epochs=4):
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(epochs):
        loss = F.cross_entropy(model(x), y)
        if penalty:
            loss = loss + penalty(model)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print("epoch", epoch, loss.item())


torch.manual_seed(0)
x, y = torch.randn(24, 4), torch.randint(0, 3, (24,))
model = nn.Linear(4, 3)
train(model, x, y)
params = list(model.parameters())
loss = F.cross_entropy(model(x), y) + 1e-2 * sum(p.pow(2).sum() for p in params)
test = flat(torch.autograd.grad(F.cross_entropy(model(x[:2]), y[:2]), params))
print("influence", (conjugate_gradient(lambda v: hvp(loss, params, v), test) @ test).item(), "top", power_iteration(loss, params))
old = copy.deepcopy(dict(model.named_parameters()))
importance = fisher(model, x[:8], y[:8])
ewc = lambda m: 50 * sum((importance[n] * (p - old[n].detach()).pow(2)).sum() for n, p in m.named_parameters())
train(model, torch.randn(24, 4), torch.randint(0, 3, (24,)), ewc)

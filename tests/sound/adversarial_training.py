"""FGSM and PGD, with autograd.grad, with backward and zero_grad, and 'free' training; TRADES and VAT."""

import torch
import torch.nn.functional as F
from torch import nn


def fgsm(model, x, y, eps):
    x = x.clone().detach().requires_grad_(True)
    loss = F.cross_entropy(model(x), y)
    model.zero_grad()
    loss.backward()
    return (x + eps * x.grad.data.sign()).detach()


def pgd(model, x, y, eps=0.3, alpha=0.1, steps=3):
    adv = x + torch.empty_like(x).uniform_(-eps, eps)
    for _ in range(steps):
        adv = adv.detach().requires_grad_()
        grad = torch.autograd.grad(F.cross_entropy(model(adv), y), adv)[0]
        adv = torch.min(torch.max(adv.detach() + alpha * grad.sign(), x - eps), x + eps)
    return adv.detach()


def pgd_delta(model, x, y, eps=0.3, alpha=0.1, steps=3):
    delta = torch.zeros_like(x, requires_grad=True)
    for _ in range(steps):
        loss = F.cross_entropy(model(x + delta), y)
        loss.backward()
        delta.data = (delta + alpha * delta.grad.detach().sign()).clamp(-eps, eps)
        delta.grad.zero_()
    return x + delta.detach()


def trades(model, x, y, beta=6.0):
    model.eval()
    adv = x + 0.001 * torch.randn_like(x)
    for _ in range(2):
        adv.requires_grad_()
        with torch.enable_grad():
            kl = F.kl_div(F.log_softmax(model(adv), 1), F.softmax(model(x), 1), reduction="sum")
        grad = torch.autograd.grad(kl, [adv])[0]
        adv = adv.detach() + 0.1 * torch.sign(grad.detach())
    model.train()
    natural = model(x)
    robust = F.kl_div(F.log_softmax(model(adv.detach()), 1), F.softmax(natural, 1), reduction="batchmean")
    return F.cross_entropy(natural, y) + beta * robust


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for step in range(4):
    x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
    for attack in (lambda m, x, y: fgsm(m, x, y, 0.1), pgd, pgd_delta):
        adv = attack(model, x, y)
        opt.zero_grad()
        loss = 0.5 * F.cross_entropy(model(x), y) + 0.5 * F.cross_entropy(model(adv), y)
        loss.backward()
        opt.step()
    opt.zero_grad()
    loss = trades(model, x, y)
    loss.backward()
    opt.step()
    print(step, loss.item())

delta = torch.zeros(16, 6)
for replay in range(4):
    d = delta.clone().requires_grad_(True)
    loss = F.cross_entropy(model(x + d), y)
    opt.zero_grad()
    loss.backward()
    delta = (delta + 0.1 * d.grad.sign()).clamp(-0.3, 0.3)
    opt.step()

"""Magnitude pruning by torch and by hand (the mask after every step), lottery-ticket rewinding, L1 proximal steps."""

import copy

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune


def make():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


def batch():
    return torch.randn(16, 8), torch.randint(0, 3, (16,))


def train(model, steps=4, masks=None, prox=0.0):
    opt = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(steps):
        x, y = batch()
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        if masks:
            for n, p in model.named_parameters():
                if n in masks:
                    p.grad *= masks[n]
        opt.step()
        with torch.no_grad():
            if masks:
                for n, p in model.named_parameters():
                    if n in masks:
                        p.mul_(masks[n])
            if prox:
                for p in model.parameters():
                    p.copy_(p.sign() * (p.abs() - prox).clamp(min=0))
    print("loss", loss.item())
    return model


torch.manual_seed(0)
model = make()
initial = copy.deepcopy(model.state_dict())
train(model)
masks = {n: (p.abs() > p.abs().flatten().median()).float() for n, p in model.named_parameters() if p.dim() > 1}
model.load_state_dict(initial)
train(model, masks=masks)
train(make(), prox=1e-3)

model = make()
for m in (model[0], model[2]):
    prune.l1_unstructured(m, "weight", amount=0.3)
train(model)
prune.global_unstructured([(model[0], "weight"), (model[2], "weight")], prune.L1Unstructured, amount=0.2)
train(model)
for m in (model[0], model[2]):
    prune.remove(m, "weight")
    print("sparsity", (m.weight == 0).float().mean().item())

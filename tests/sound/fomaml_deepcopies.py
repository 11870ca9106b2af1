"""First-order MAML and Reptile, with deep copies of the model that SGD trains."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


def task():
    w = torch.randn(4, 1)
    x = torch.randn(16, 4)
    return x[:8], x[:8] @ w, x[8:], x[8:] @ w


class MetaLearner:
    def __init__(self, model, inner_lr=0.05, outer_lr=0.01, inner_steps=3):
        self.model = model
        self.inner_lr = inner_lr
        self.inner_steps = inner_steps
        self.optimizer = torch.optim.Adam(model.parameters(), lr=outer_lr)

    def clone(self):
        return copy.deepcopy(self.model)

    def inner(self, learner, x, y):
        opt = torch.optim.SGD(learner.parameters(), lr=self.inner_lr)
        for _ in range(self.inner_steps):
            opt.zero_grad()
            F.mse_loss(learner(x), y).backward()
            opt.step()
        return learner

    def fomaml(self, tasks):
        self.optimizer.zero_grad()
        total = 0.0
        for xs, ys, xq, yq in tasks:
            learner = self.inner(self.clone(), xs, ys)
            loss = F.mse_loss(learner(xq), yq)
            grads = torch.autograd.grad(loss, learner.parameters())
            for p, g in zip(self.model.parameters(), grads):
                p.grad = g.clone() if p.grad is None else p.grad + g
            total += loss.item()
        for p in self.model.parameters():
            p.grad /= len(tasks)
        self.optimizer.step()
        return total / len(tasks)

    def reptile(self, tasks, eps=0.1):
        for xs, ys, _, _ in tasks:
            learner = self.inner(self.clone(), xs, ys)
            with torch.no_grad():
                for p, q in zip(self.model.parameters(), learner.parameters()):
                    p.add_(q - p, alpha=eps)


torch.manual_seed(0)
meta = MetaLearner(nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1)))
for i in range(4):
    print("fomaml", i, meta.fomaml([task() for _ in range(2)]))
for i in range(3):
    meta.reptile([task() for _ in range(2)])

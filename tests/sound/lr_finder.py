"""A learning-rate range test that restores the model, then training with warm-up and patience."""

import copy
import math

import torch
from torch import nn


class LRFinder:
    def __init__(self, model, optimizer, criterion):
        self.model, self.optimizer, self.criterion = model, optimizer, criterion
        self.state = copy.deepcopy(model.state_dict()), copy.deepcopy(optimizer.state_dict())
        self.history = {"lr": [], "loss": []}
        self.best = None

    def range_test(self, batches, start=1e-5, end=1.0, smooth=0.1):
        factor = (end / start) ** (1 / (len(batches) - 1))
        for g in self.optimizer.param_groups:
            g["lr"] = start
        for i, (x, y) in enumerate(batches):
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            value = loss.item()
            if i:
                value = smooth * value + (1 - smooth) * self.history["loss"][-1]
            self.best = value if self.best is None else min(self.best, value)
            self.history["lr"].append(self.optimizer.param_groups[0]["lr"])
            self.history["loss"].append(value)
            if value > 5 * self.best:
                break
            self.optimizer.step()
            for g in self.optimizer.param_groups:
                g["lr"] *= factor

    def reset(self):
        self.model.load_state_dict(self.state[0])
        self.optimizer.load_state_dict(self.state[1])

    def suggestion(self):
        losses, lrs = self.history["loss"], self.history["lr"]
        slopes = [(losses[i + 1] - losses[i]) / math.log10(lrs[i + 1] / lrs[i]) for i in range(len(losses) - 1)]
        return lrs[slopes.index(min(slopes))]


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-7)
batches = [(torch.randn(8, 5), torch.randint(0, 2, (8,))) for _ in range(10)]
finder = LRFinder(model, optimizer, nn.CrossEntropyLoss())
finder.range_test(batches)
lr = finder.suggestion()
finder.reset()
for g in optimizer.param_groups:
    g["lr"] = lr
warm = torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, total_iters=4)
cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6)
scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], milestones=[4])
for x, y in batches:
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    print(f"lr {scheduler.get_last_lr()[0]:.2e} loss {loss.item():.3f}")

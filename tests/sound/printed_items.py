"""A loop that shows and stores everything it can as numbers."""

import math
import time
from collections import defaultdict

import torch
from torch import nn


class AverageMeter:
    def __init__(self, name):
        self.name = name
        self.reset()

    def reset(self):
        self.val = self.avg = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n
        self.avg = self.sum / self.count

    def __str__(self):
        return f"{self.name} {self.val:.3f} ({self.avg:.3f})"


class Progress:
    """What tqdm would be."""

    def __init__(self, items):
        self.items = items

    def __iter__(self):
        yield from self.items

    def set_postfix(self, **values):
        print(" ".join(f"{k}={v:.4g}" for k, v in values.items()))


def accuracy(logits, target):
    return (logits.argmax(-1) == target).float().mean().item()


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
history = defaultdict(list)
running = 0.0
best = float("inf")
losses, accs = AverageMeter("loss"), AverageMeter("acc")
bar = Progress(range(8))
for step in bar:
    x, y = torch.randn(16, 8), torch.randint(0, 3, (16,))
    logits = model(x)
    ce = nn.functional.cross_entropy(logits, y)
    reg = sum(p.pow(2).sum() for p in model.parameters())
    entropy = -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
    loss = ce + 1e-4 * reg - 0.01 * entropy
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    total = loss.item()
    ce_value, reg_value, ent_value = ce.item(), reg.item(), entropy.item()
    running += total
    losses.update(total, len(x))
    accs.update(accuracy(logits, y), len(x))
    history["loss"].append(total)
    history["ce"].append(ce_value)
    history["parts"].append({"ce": ce_value, "reg": reg_value, "entropy": ent_value})
    bar.set_postfix(loss=total, ce=ce.item(), reg=reg.item(), entropy=entropy.item(), norm=float(norm))
    print(f"[{step}] {losses} {accs} ppl {math.exp(ce_value):.2f} running {running / (step + 1):.3f}", time.time() > 0)
    if total < best:
        best = total
print("mean", sum(history["loss"]) / len(history["loss"]), "best", best)

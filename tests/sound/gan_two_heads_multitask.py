"""Multi-task learning: uncertainty weights, GradNorm-like weights from numbers, auxiliary heads of an ACGAN."""

import torch
import torch.nn.functional as F
from torch import nn


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.ReLU())
        self.heads = nn.ModuleDict({"reg": nn.Linear(16, 1), "cls": nn.Linear(16, 3), "bin": nn.Linear(16, 1)})
        self.log_vars = nn.ParameterDict({k: nn.Parameter(torch.zeros(())) for k in self.heads})

    def forward(self, x):
        h = self.body(x)
        return {k: head(h) for k, head in self.heads.items()}


def losses(out, reg, cls, binary):
    return {
        "reg": F.mse_loss(out["reg"].squeeze(-1), reg),
        "cls": F.cross_entropy(out["cls"], cls),
        "bin": F.binary_cross_entropy_with_logits(out["bin"].squeeze(-1), binary),
    }


class History:
    def __init__(self):
        self.values = {}

    def add(self, **kw):
        for k, v in kw.items():
            self.values.setdefault(k, []).append(v)

    def rate(self, k):
        v = self.values.get(k, [])
        return v[-1] / v[-2] if len(v) > 1 else 1.0


torch.manual_seed(0)
model, history = MultiTask(), History()
opt = torch.optim.Adam([{"params": model.body.parameters()}, {"params": model.heads.parameters(), "lr": 5e-3}, {"params": model.log_vars.parameters(), "lr": 1e-2}], lr=1e-3)
for step in range(6):
    x = torch.randn(16, 6)
    parts = losses(model(x), x.sum(1), torch.randint(0, 3, (16,)), (x[:, 0] > 0).float())
    loss = sum(torch.exp(-model.log_vars[k]) * v + model.log_vars[k] for k, v in parts.items())
    opt.zero_grad()
    loss.backward()
    opt.step()
    history.add(**{k: v.item() for k, v in parts.items()})
    print(step, " ".join(f"{k}={v.item():.3f}" for k, v in parts.items()), "total", loss.item())

opt = torch.optim.Adam([*model.body.parameters(), *model.heads.parameters()], lr=1e-3)
for step in range(6):
    x = torch.randn(16, 6)
    parts = losses(model(x), x.sum(1), torch.randint(0, 3, (16,)), (x[:, 0] > 0).float())
    rates = torch.tensor([history.rate(k) for k in parts])
    weights = 3 * torch.softmax(rates / 2.0, 0)
    loss = sum(w * v for w, v in zip(weights, parts.values()))
    opt.zero_grad()
    loss.backward()
    opt.step()
    history.add(**{k: v.item() for k, v in parts.items()})
print({k: sum(v) / len(v) for k, v in history.values.items()})

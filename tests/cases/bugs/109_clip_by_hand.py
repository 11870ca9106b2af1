import torch
from torch import nn


class Engine:
    def __init__(self, model, lr=1e-2, max_norm=1.0):
        self.model, self.max_norm = model, max_norm
        self.opt = torch.optim.SGD(model.parameters(), lr=lr)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0 ** 12)

    def train_step(self, x, y):
        self.opt.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = nn.functional.cross_entropy(self.model(x), y)
        self.scaler.scale(loss).backward()
        self.clip()
        self.scaler.step(self.opt)
        self.scaler.update()
        return loss.item()

    def clip(self):
        params = [p for p in self.model.parameters() if p.grad is not None]
        total = torch.stack([p.grad.norm() for p in params]).norm()
        if total > self.max_norm:
            for p in params:
                p.grad.mul_(self.max_norm / (total + 1e-6))


torch.manual_seed(0)
engine = Engine(nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4)))
for step in range(6):
    print(step, engine.train_step(torch.randn(16, 10), torch.randint(4, (16,))))

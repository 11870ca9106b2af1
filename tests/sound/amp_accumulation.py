"""Mixed precision on the CPU with a gradient scaler, accumulation, clipping after unscaling and a scheduler."""

import torch
from torch import nn


class Trainer:
    def __init__(self, model, accumulate=4):
        self.model = model
        self.accumulate = accumulate
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=2)
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, max_lr=1e-2, total_steps=10)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)

    def train_epoch(self, loader):
        self.optimizer.zero_grad(set_to_none=True)
        running = 0.0
        for i, (x, y) in enumerate(loader):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = self.criterion(self.model(x), y) / self.accumulate
            self.scaler.scale(loss).backward()
            running += loss.item() * self.accumulate
            if (i + 1) % self.accumulate == 0 or i + 1 == len(loader):
                self.scaler.unscale_(self.optimizer)
                norm = nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.scaler.step(self.optimizer)
                self.scaler.update()
                self.optimizer.zero_grad(set_to_none=True)
                self.scheduler.step()
                print(f"loss {running / (i + 1):.4f} norm {norm.item():.3f} scale {self.scaler.get_scale()} lr {self.scheduler.get_last_lr()[0]:.2e}")
        return running / len(loader)

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        right = sum((self.model(x).argmax(1) == y).sum().item() for x, y in loader)
        self.model.train()
        return right / sum(len(y) for _, y in loader)


torch.manual_seed(0)
loader = [(torch.randn(8, 10), torch.randint(0, 4, (8,))) for _ in range(10)]
trainer = Trainer(nn.Sequential(nn.Linear(10, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, 4)))
for epoch in range(2):
    print(epoch, trainer.train_epoch(loader), trainer.evaluate(loader))

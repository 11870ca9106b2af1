"""A small framework as many companies have one: a module with hooks, a Trainer, callbacks, a logger, checkpoints."""

import io
import logging
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Module(nn.Module):
    trainer = None

    def log(self, name, value, prog_bar=False):
        self.trainer.metrics[name] = value.detach() if isinstance(value, torch.Tensor) else value

    def log_dict(self, values):
        for k, v in values.items():
            self.log(k, v)


class Classifier(Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(OrderedDict(fc=nn.Linear(8, 16), act=nn.GELU()))
        self.head = nn.Linear(16, 3)
        self.outputs = []

    def forward(self, x):
        return self.head(self.backbone(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        loss = F.cross_entropy(logits, y)
        acc = (logits.argmax(-1) == y).float().mean()
        self.log("train_loss", loss, prog_bar=True)
        self.log_dict({"acc": acc, "step": batch_idx})
        return {"loss": loss, "acc": acc}

    def validation_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.outputs.append(loss)
        return loss

    def on_validation_epoch_end(self):
        self.log("val_loss", torch.stack(self.outputs).mean())
        self.outputs.clear()

    def configure_optimizers(self):
        opt = torch.optim.AdamW(self.parameters(), lr=1e-3)
        return {"optimizer": opt, "scheduler": torch.optim.lr_scheduler.StepLR(opt, 1, 0.5)}


class Checkpoint:
    def __init__(self):
        self.best, self.blob = float("inf"), None

    def on_epoch_end(self, trainer, module):
        if trainer.metrics["val_loss"].item() < self.best:
            self.best = trainer.metrics["val_loss"].item()
            self.blob = io.BytesIO()
            torch.save({"model": module.state_dict(), "epoch": trainer.epoch}, self.blob)


class Trainer:
    def __init__(self, epochs=3, accumulate=2, clip=1.0, callbacks=()):
        self.epochs, self.accumulate, self.clip, self.callbacks, self.metrics = epochs, accumulate, clip, callbacks, {}

    def fit(self, module, train, val):
        module.trainer = self
        conf = module.configure_optimizers()
        optimizer, scheduler = conf["optimizer"], conf["scheduler"]
        for self.epoch in range(self.epochs):
            module.train()
            for i, batch in enumerate(train):
                out = module.training_step(batch, i)
                (out["loss"] / self.accumulate).backward()
                if (i + 1) % self.accumulate == 0:
                    nn.utils.clip_grad_norm_(module.parameters(), self.clip)
                    optimizer.step()
                    optimizer.zero_grad()
            module.eval()
            with torch.no_grad():
                for i, batch in enumerate(val):
                    module.validation_step(batch, i)
            module.on_validation_epoch_end()
            scheduler.step()
            logging.getLogger(__name__).info("epoch %d: %s", self.epoch, {k: float(v) for k, v in self.metrics.items()})
            for callback in self.callbacks:
                callback.on_epoch_end(self, module)


logging.basicConfig(level=logging.INFO)
torch.manual_seed(0)
data = TensorDataset(torch.randn(64, 8), torch.randint(0, 3, (64,)))
checkpoint = Checkpoint()
model = Classifier()
Trainer(callbacks=[checkpoint]).fit(model, DataLoader(data, 8, shuffle=True), DataLoader(data, 16))
checkpoint.blob.seek(0)
print(model.load_state_dict(torch.load(checkpoint.blob)["model"]))

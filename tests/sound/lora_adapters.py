"""LoRA on a frozen transformer, B at zero; prompt tuning; merging afterwards."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class LoRALinear(nn.Module):
    def __init__(self, base, r=2, alpha=4, dropout=0.1):
        super().__init__()
        self.base = base
        self.base.weight.requires_grad = False
        if self.base.bias is not None:
            self.base.bias.requires_grad = False
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling, self.dropout = alpha / r, nn.Dropout(dropout)

    def forward(self, x):
        return self.base(x) + self.dropout(x) @ self.lora_A.T @ self.lora_B.T * self.scaling

    @torch.no_grad()
    def merge(self):
        self.base.weight += self.lora_B @ self.lora_A * self.scaling
        return self.base


class Model(nn.Module):
    def __init__(self, d=16, vocab=12):
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        self.layer = nn.TransformerEncoderLayer(d, 2, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, vocab)
        self.prompt = None

    def forward(self, ids):
        x = self.embed(ids)
        if self.prompt is not None:
            x = torch.cat([self.prompt.expand(len(ids), -1, -1), x], 1)
        return self.head(self.layer(x))[:, -ids.shape[1] :]


def train(model, params, steps=5):
    opt = torch.optim.AdamW(params, lr=1e-2)
    total = sum(p.numel() for p in model.parameters())
    print("trainable", sum(p.numel() for p in params), "of", total)
    for step in range(steps):
        ids = torch.randint(0, 12, (4, 7))
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        opt.step()
        opt.zero_grad()
        print(step, round(loss.item(), 4))


torch.manual_seed(0)
model = Model()
for p in model.parameters():
    p.requires_grad = False
model.layer.linear1, model.layer.linear2 = LoRALinear(model.layer.linear1), LoRALinear(model.layer.linear2)
train(model, [p for n, p in model.named_parameters() if "lora_" in n])
model.layer.linear1, model.layer.linear2 = model.layer.linear1.merge(), model.layer.linear2.merge()
model.prompt = nn.Parameter(torch.randn(1, 3, 16) * 0.02)
train(model, [model.prompt])

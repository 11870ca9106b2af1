"""Skip-gram with sparse embeddings and SparseAdam beside Adam, an EmbeddingBag, a factorisation machine."""

import torch
import torch.nn.functional as F
from torch import nn


class SkipGram(nn.Module):
    def __init__(self, n=30, d=8):
        super().__init__()
        self.u, self.v = nn.Embedding(n, d, sparse=True), nn.Embedding(n, d, sparse=True)
        nn.init.uniform_(self.u.weight, -0.5 / d, 0.5 / d)
        nn.init.zeros_(self.v.weight)

    def forward(self, pos_u, pos_v, neg_v):
        u, v, n = self.u(pos_u), self.v(pos_v), self.v(neg_v)
        score = F.logsigmoid((u * v).sum(1).clamp(max=10, min=-10))
        neg = F.logsigmoid(-torch.bmm(n, u.unsqueeze(2)).squeeze(2).clamp(max=10, min=-10)).sum(1)
        return -(score + neg).mean()


class BagClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(30, 8, sparse=False)
        self.fc = nn.Linear(8, 4)

    def forward(self, text, offsets):
        return self.fc(self.embedding(text, offsets))


class FM(nn.Module):
    def __init__(self, n=30, k=4):
        super().__init__()
        self.w, self.v, self.b = nn.Embedding(n, 1, padding_idx=0), nn.Embedding(n, k, padding_idx=0), nn.Parameter(torch.zeros(1))

    def forward(self, ids):
        v = self.v(ids)
        inter = 0.5 * (v.sum(1).pow(2) - v.pow(2).sum(1)).sum(1)
        return self.b + self.w(ids).sum(1).squeeze(1) + inter


torch.manual_seed(0)
model = SkipGram()
optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.01)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 6)
for i in range(6):
    optimizer.zero_grad()
    loss = model(torch.randint(0, 30, (16,)), torch.randint(0, 30, (16,)), torch.randint(0, 30, (16, 3)))
    loss.backward()
    optimizer.step()
    scheduler.step()
    print("skipgram", i, loss.item())

model, total_acc = BagClassifier(), 0
optimizer = torch.optim.SGD(model.parameters(), lr=5.0)
for i in range(4):
    optimizer.zero_grad()
    label = torch.randint(0, 4, (8,))
    predicted = model(torch.randint(0, 30, (40,)), torch.arange(0, 40, 5))
    loss = F.cross_entropy(predicted, label)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    optimizer.step()
    total_acc += (predicted.argmax(1) == label).sum().item()

model = FM()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05, weight_decay=1e-5)
for i in range(5):
    ids = torch.randint(1, 30, (16, 5))
    ids[:, 3:][torch.rand(16, 2) < 0.5] = 0
    loss = F.binary_cross_entropy_with_logits(model(ids), torch.randint(0, 2, (16,)).float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("fm", i, loss.item(), total_acc)

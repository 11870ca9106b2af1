"""The input of the checkpoint requires grad; evaluation runs the same line."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)
emb, block, head = nn.Embedding(10, 8), nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)), nn.Linear(8, 10)
block[0].requires_grad_(False)
opt = torch.optim.SGD([p for m in (emb, block, head) for p in m.parameters() if p.requires_grad], lr=0.1)
ids = torch.arange(10)
for epoch in range(3):
    for _ in range(2):
        opt.zero_grad()
        nn.functional.cross_entropy(head(checkpoint(block, emb(ids), use_reentrant=True)), ids).backward()
        opt.step()
    with torch.no_grad():
        block.eval()
        acc = (head(checkpoint(block, emb(ids), use_reentrant=True)).argmax(1) == ids).float().mean()
        block.train()

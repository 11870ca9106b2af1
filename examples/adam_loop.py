"""Minibatches, a DataLoader and Adam: tell points inside a ring from points outside it.

What it teaches
    `CrossEntropyLoss` takes raw scores and class numbers; it contains the softmax.
    Adam keeps two running averages of each gradient, so its step is not the gradient itself: the ledger shows what
    `.grad` held, `step()` what was made of it.
    Evaluate under `torch.no_grad()`: no graph is built, nothing is added to `.grad`.

Try
    gradtrace explain examples/adam_loop.py
    gradtrace render examples/adam_loop.py --passes 1 -o adam.svg
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
points = torch.rand(256, 2) * 2 - 1
labels = (points.norm(dim=1) < 0.7).long()
batches = DataLoader(TensorDataset(points, labels), batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
loss_function = nn.CrossEntropyLoss()

for epoch in range(12):
    total = 0.0
    for batch, batch_labels in batches:
        optimizer.zero_grad()
        loss = loss_function(model(batch), batch_labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1:2d}  mean loss {total / len(batches):.3f}")

model.eval()
with torch.no_grad():
    right = (model(points).argmax(dim=1) == labels).float().mean()
print(f"{right.item():.0%} of the points are classified correctly")

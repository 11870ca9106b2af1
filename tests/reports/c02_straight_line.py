import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def samples(n):
    x = torch.rand(n, 20)
    return TensorDataset(x, x.mean(1, keepdim=True))


def fit(line, loader, criterion, epochs=3):
    descent = torch.optim.SGD(line.parameters(), lr=1e-2)
    for epoch in range(epochs):
        total = 0.0
        for x, y in loader:
            loss = criterion(line(x), y)
            descent.zero_grad()
            loss.backward()
            descent.step()
            total += loss.item() * len(x)
        print(f"epoch {epoch}: {total / len(loader.dataset):.4f}")


torch.manual_seed(0)
line = nn.Linear(20, 1)
start = line.weight.detach().clone()
fit(line, DataLoader(samples(64), batch_size=16, shuffle=True), nn.CrossEntropyLoss())
print("moved by", (line.weight - start).norm().item())

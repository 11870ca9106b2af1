import torch
from torch import nn, optim

torch.manual_seed(1)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = optim.SGD(net.parameters(), lr=0.1)
inputs = torch.randn(16, 4)
labels = torch.randint(0, 3, (16,))
running_loss = 0.0
for i in range(8):
    optimizer.zero_grad()
    outputs = net(inputs)
    loss = nn.functional.cross_entropy(outputs, labels)
    loss.backward()
    optimizer.step()
    running_loss += loss.item()
print(running_loss / 8)
with torch.no_grad():
    scores = net(inputs)
    predicted = scores.argmax(dim=1)
    correct = (predicted == labels).sum().item()
accuracy = correct / 16
print(accuracy)

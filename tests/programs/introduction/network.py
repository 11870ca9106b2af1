import torch
from torch import nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 5)
        self.fc1 = nn.Linear(4 * 12 * 12, 16)
        self.fc2 = nn.Linear(16, 10)
        self.bn = nn.BatchNorm1d(16)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.bn(self.fc1(x)))
        return self.fc2(x)


net = Net()
params = list(net.parameters())
print(len(params), params[0].size())
input = torch.randn(4, 1, 28, 28)
out = net(input)
target = torch.randn(4, 10)
criterion = nn.MSELoss()
loss = criterion(out, target)
print(loss.grad_fn)
net.zero_grad()
print(net.conv1.bias.grad)
loss.backward()
print(net.conv1.bias.grad)
learning_rate = 0.01
for f in net.parameters():
    f.data.sub_(f.grad.data * learning_rate)

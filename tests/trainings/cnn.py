"""A residual convolutional net with batch norm in place, pooling and transposed convolution."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn


class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(n, n, 3, padding=1, bias=False), nn.BatchNorm2d(n)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)) + x, inplace=True)


net = nn.Sequential(
    nn.Conv2d(3, 6, 3),
    Block(6),
    nn.MaxPool2d(2),
    Block(6),
    nn.ConvTranspose2d(6, 4, 2),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(4, 2),
)
optimizer = torch.optim.AdamW(net.parameters(), lr=0.01, amsgrad=True)
for step in range(6):
    optimizer.zero_grad(set_to_none=step % 2 == 0)
    loss = F.cross_entropy(net(torch.randn(4, 3, 12, 12)), torch.randint(0, 2, (4,)))
    loss.backward()
    optimizer.step()
print(bits(net, loss))

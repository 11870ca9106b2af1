"""A transformer layer under autocast, whose fast path is taken once gradients are off."""

import torch
from _bits import bits
from torch import nn

net = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
optimizer = torch.optim.RMSprop(net.parameters())
for _ in range(6):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = net(torch.randn(2, 5, 8)).float().var()
    loss.backward()
    optimizer.step()
net.eval()
with torch.inference_mode():
    print("inference mode", net(torch.ones(1, 3, 8)).sum().item())
attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
with torch.no_grad():
    print("no_grad", attention(*[torch.ones(1, 3, 8)] * 3)[0].sum().item())
print(bits(net, loss))

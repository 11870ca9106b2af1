"""A small transformer of six blocks.

What it teaches
    A model of hundreds of ops is read module by module: `--depth 1 --no-fold` draws one box a block, with the range of
    the gradients of its leaves, and `--expand net.layers.2` opens one of them.

Try
    gradtrace render examples/transformer.py --depth 1 --no-fold -o transformer.svg
    gradtrace render examples/transformer.py --depth 1 --expand net.layers.2
"""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(d_model=16, nhead=2, dim_feedforward=32, dropout=0.0, batch_first=True)
net = nn.TransformerEncoder(layer, num_layers=6, enable_nested_tensor=False)
x, target = torch.randn(2, 5, 16), torch.randn(2, 5, 16)

loss = F.mse_loss(net(x), target)
loss.backward()

for name, parameter in net.named_parameters():
    if parameter.grad is None:
        print(f"{name} got nothing")
print(f"loss {loss.item():.3f}, {sum(1 for _ in net.parameters())} parameters with a gradient")

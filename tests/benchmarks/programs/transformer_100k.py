"""A transformer of 1,320 layers, small in every other way: some 100,000 nodes."""

import torch
from torch import nn

torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
net = nn.TransformerEncoder(layer, 1320, enable_nested_tensor=False)
loss = net(torch.randn(2, 4, 8)).square().mean()
loss.backward()

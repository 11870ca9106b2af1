"""The loss knows nothing of the model. At which line was the connection lost?"""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(2, 1)
inputs, targets = torch.randn(4, 2), torch.randn(4, 1)
with torch.no_grad():
    outputs = model(inputs)
loss = (outputs - targets).square().mean()
loss.backward()

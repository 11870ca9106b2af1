"""Two layers that do not fit together: which line, which sizes?"""

import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(6, 1))
loss = model(torch.randn(3, 4)).mean()
loss.backward()

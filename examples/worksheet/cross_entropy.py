"""Which score is pushed up, which down, and by how much?"""

import torch
from torch.nn import functional as F

scores = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
labels = torch.tensor([0, 2])
loss = F.cross_entropy(scores, labels)
loss.backward()
print(scores.grad)

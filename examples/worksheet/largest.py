"""What does dim=1 do to the gradient, and who gets nothing?"""

import torch

scores = torch.tensor([[1.0, 5.0, 2.0], [7.0, 0.0, 3.0]], requires_grad=True)
best = scores.max(dim=1).values
loss = (best * torch.tensor([1.0, 10.0])).sum()
loss.backward()
print(scores.grad)

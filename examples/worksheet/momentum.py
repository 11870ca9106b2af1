"""The gradient is the same in all steps. Why do the steps grow?"""

import torch

w = torch.tensor([1.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9, weight_decay=0.01)
for _ in range(3):
    optimizer.zero_grad()
    loss = 2 * w.sum()
    loss.backward()
    optimizer.step()
    print(w.item())

"""The same backward() three times: why 2, 4 and then 2 again?"""

import torch

w = torch.tensor(1.0, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for step in range(3):
    if step == 2:
        optimizer.zero_grad()
    (2 * w).backward()
    print(w.grad.item())

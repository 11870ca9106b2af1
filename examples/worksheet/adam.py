"""One gradient is 1000 times the other. Why do both weights move by the same amount?"""

import torch

w = torch.tensor([1.0, 1.0], requires_grad=True)
optimizer = torch.optim.Adam([w], lr=0.1)
for _ in range(2):
    optimizer.zero_grad()
    loss = (w * torch.tensor([1000.0, 1.0])).sum()
    loss.backward()
    optimizer.step()
print(w.detach())

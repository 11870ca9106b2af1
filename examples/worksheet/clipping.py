"""The gradient of w was [6, 8]. What did step() see?"""

import torch

w = torch.tensor([3.0, 4.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
loss = w.square().sum()
loss.backward()
torch.nn.utils.clip_grad_norm_([w], max_norm=1.0)
optimizer.step()
print(w.detach())

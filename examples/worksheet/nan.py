"""The loss is fine and the gradient is NaN. Where does it begin?"""

import torch

x = torch.tensor([0.0, 4.0], requires_grad=True)
distance = torch.sqrt(x)
loss = torch.where(x > 0, distance, torch.zeros(2)).sum()
loss.backward()
print(loss.item(), x.grad)

"""Where do 2 and 0.25 come from?"""

import torch

prediction = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
target = torch.tensor([0.0, 2.0, 5.0, 4.0])
loss = ((prediction - target) ** 2).mean()
loss.backward()
print(prediction.grad)

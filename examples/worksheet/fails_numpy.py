"""Why does numpy refuse this tensor?"""

import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
y = w * 3
print(y.numpy().mean())

"""backward() of what?"""

import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
losses = (w - 5) ** 2
losses.backward()

"""Why can the second backward() not run?"""

import torch

x = torch.tensor([1.0, 2.0], requires_grad=True)
shared = x.exp()
first = shared.sum()
second = (shared * 2).sum()
first.backward()
second.backward()

"""Q-values of the actions that were taken: which elements get a gradient, and what does squeeze do to it?"""

import torch

q = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
actions = torch.tensor([1, 0, 0])
chosen = q.gather(1, actions.unsqueeze(1)).squeeze(1)
loss = (chosen * torch.tensor([1.0, 2.0, 3.0])).sum()
loss.backward()
print(q.grad)

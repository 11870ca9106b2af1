"""Why does the target give the critic no gradient, although it was computed from the critic?"""

import torch
from torch import nn

torch.manual_seed(0)
critic = nn.Linear(2, 1)
state, next_state = torch.randn(4, 2), torch.randn(4, 2)
with torch.no_grad():
    target = 0.9 * critic(next_state)
loss = (critic(state) - target).square().mean()
loss.backward()
print(critic.bias.grad)

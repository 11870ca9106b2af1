"""A policy gradient with an advantage, entropy and a ratio that is clipped."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn
from torch.distributions import Categorical

policy, value = nn.Linear(4, 3), nn.Linear(4, 1)
optimizer = torch.optim.Adam([*policy.parameters(), *value.parameters()], lr=0.01)
for _ in range(4):
    states = torch.randn(8, 4)
    with torch.no_grad():
        before = Categorical(logits=policy(states))
        actions = before.sample()
        rewards = torch.randn(8)
    for _epoch in range(2):
        now, v = Categorical(logits=policy(states)), value(states)[:, 0]
        ratio = (now.log_prob(actions) - before.log_prob(actions)).exp()
        gain = rewards - v.detach()
        loss = (
            -torch.min(ratio * gain, ratio.clamp(0.8, 1.2) * gain).mean()
            + F.mse_loss(v, rewards)
            - 0.01 * now.entropy().mean()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(bits(policy, value))

"""Q-learning from a memory of transitions, with a target net that follows."""

import copy
import random
from collections import deque

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn

net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
target, memory = copy.deepcopy(net), deque(maxlen=50)
optimizer = torch.optim.RMSprop(net.parameters(), lr=0.01)
state = torch.zeros(4)
for step in range(40):
    with torch.no_grad():
        action = random.randrange(2) if random.random() < 0.3 else int(net(state).argmax())
    after = state * 0.9 + torch.randn(4) * (action + 0.1)
    memory.append((state, action, float(after.abs().sum() < 2), after))
    state = after
    if step >= 8 and step % 4 == 0:
        states, actions, rewards, afters = zip(*random.sample(memory, 6))
        value = net(torch.stack(states)).gather(1, torch.tensor(actions)[:, None])[:, 0]
        with torch.no_grad():
            goal = torch.tensor(rewards) + 0.9 * target(torch.stack(afters)).max(1).values
        optimizer.zero_grad()
        F.huber_loss(value, goal).backward()
        nn.utils.clip_grad_value_(net.parameters(), 1.0)
        optimizer.step()
        for slow, quick in zip(target.parameters(), net.parameters()):
            slow.data.lerp_(quick.data, 0.1)
print(bits(net, target))

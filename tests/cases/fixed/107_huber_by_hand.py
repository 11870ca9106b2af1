import random
from collections import deque
import torch
from torch import nn


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, x):
        return self.layers(x)


def huber(error):
    small = error.abs() < 1
    return torch.where(small, 0.5 * error ** 2, error.abs() - 0.5)


class Learner:
    def __init__(self, gamma=0.97):
        self.online, self.target = QNet(), QNet()
        self.target.load_state_dict(self.online.state_dict())
        self.opt = torch.optim.RMSprop(self.online.parameters(), lr=1e-3)
        self.memory = deque(maxlen=1000)
        self.gamma = gamma

    def learn(self, size=16):
        s, a, r, s2, done = map(torch.stack, zip(*random.sample(self.memory, size)))
        q = self.online(s).gather(1, a.view(-1, 1)).squeeze(1)
        with torch.no_grad():
            best = self.target(s2).max(dim=1).values
            y = r + self.gamma * best * (1 - done)
        loss = huber(q - y).mean()
        self.opt.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.online.parameters(), 10.0)
        self.opt.step()
        return float(loss)


torch.manual_seed(0)
random.seed(0)
learner = Learner()
for _ in range(64):
    s = torch.randn(4)
    learner.memory.append((s, torch.randint(3, ()), s.sum(), s + 0.1, torch.zeros(())))
for step in range(20):
    loss = learner.learn()
    if step % 10 == 9:
        learner.target.load_state_dict(learner.online.state_dict())
        print(step, loss)

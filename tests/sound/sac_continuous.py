"""Soft actor-critic with twin critics, target networks and a learned temperature."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


class SoftQ(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, s, a):
        return self.net(torch.cat([s, a], 1))


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 32)
        self.mean = nn.Linear(32, 2)
        self.log_std = nn.Linear(32, 2)

    def sample(self, s):
        h = F.relu(self.fc(s))
        mean, log_std = self.mean(h), torch.tanh(self.log_std(h))
        log_std = -5 + 0.5 * 7 * (log_std + 1)
        normal = torch.distributions.Normal(mean, log_std.exp())
        x = normal.rsample()
        a = torch.tanh(x)
        log_prob = (normal.log_prob(x) - torch.log(1 - a.pow(2) + 1e-6)).sum(1, keepdim=True)
        return a, log_prob


class SAC:
    def __init__(self):
        self.actor = Actor()
        self.q1, self.q2 = SoftQ(), SoftQ()
        self.q1_target, self.q2_target = copy.deepcopy(self.q1), copy.deepcopy(self.q2)
        self.q_optimizer = torch.optim.Adam([*self.q1.parameters(), *self.q2.parameters()], lr=1e-3)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=3e-4)
        self.log_alpha = torch.zeros(1, requires_grad=True)
        self.a_optimizer = torch.optim.Adam([self.log_alpha], lr=1e-3)
        self.alpha = self.log_alpha.exp().item()
        self.target_entropy = -2.0

    def update(self, step):
        s, a, r, s2, d = torch.randn(16, 4), torch.rand(16, 2) * 2 - 1, torch.randn(16, 1), torch.randn(16, 4), torch.zeros(16, 1)
        with torch.no_grad():
            a2, logp2 = self.actor.sample(s2)
            target = torch.min(self.q1_target(s2, a2), self.q2_target(s2, a2)) - self.alpha * logp2
            y = r + (1 - d) * 0.99 * target
        q1_loss, q2_loss = F.mse_loss(self.q1(s, a), y), F.mse_loss(self.q2(s, a), y)
        q_loss = q1_loss + q2_loss
        self.q_optimizer.zero_grad()
        q_loss.backward()
        self.q_optimizer.step()
        if step % 2 == 0:
            for _ in range(2):
                pi, log_pi = self.actor.sample(s)
                q = torch.min(self.q1(s, pi), self.q2(s, pi))
                actor_loss = ((self.alpha * log_pi) - q).mean()
                self.actor_optimizer.zero_grad()
                actor_loss.backward()
                self.actor_optimizer.step()
                with torch.no_grad():
                    _, log_pi = self.actor.sample(s)
                alpha_loss = (-self.log_alpha.exp() * (log_pi + self.target_entropy)).mean()
                self.a_optimizer.zero_grad()
                alpha_loss.backward()
                self.a_optimizer.step()
                self.alpha = self.log_alpha.exp().item()
            print("actor", actor_loss.item(), "alpha", self.alpha, "alpha_loss", alpha_loss.item(), "q", q_loss.item() / 2)
        for q, target in ((self.q1, self.q1_target), (self.q2, self.q2_target)):
            for p, tp in zip(q.parameters(), target.parameters()):
                tp.data.copy_(0.005 * p.data + (1 - 0.005) * tp.data)


torch.manual_seed(0)
agent = SAC()
for step in range(6):
    agent.update(step)

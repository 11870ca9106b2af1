"""DrQ-like: the actor uses the critic's encoder detached; the target critic's encoder is a slow copy."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, stride=2)
        self.fc = nn.Linear(36, 8)

    def forward(self, x, detach=False):
        h = F.relu(self.conv(x)).flatten(1)
        if detach:
            h = h.detach()
        return torch.tanh(self.fc(h))

    def copy_conv_weights_from(self, other):
        self.conv.weight, self.conv.bias = other.conv.weight, other.conv.bias


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.Q1, self.Q2 = nn.Linear(9, 1), nn.Linear(9, 1)

    def forward(self, obs, action, detach=False):
        h = torch.cat([self.encoder(obs, detach), action], 1)
        return self.Q1(h), self.Q2(h)


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.pi = nn.Linear(8, 1)

    def forward(self, obs, detach=True):
        return torch.tanh(self.pi(self.encoder(obs, detach)))


class Agent:
    def __init__(self):
        self.actor, self.critic = Actor(), Critic()
        self.critic_target = copy.deepcopy(self.critic)
        self.actor.encoder.copy_conv_weights_from(self.critic.encoder)
        self.actor_optimizer = torch.optim.Adam([*self.actor.encoder.fc.parameters(), *self.actor.pi.parameters()], lr=1e-3)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), lr=1e-3)

    def update_critic(self, obs, action, reward, next_obs):
        with torch.no_grad():
            next_action = self.actor(next_obs)
            target_Q = reward + 0.99 * torch.min(*self.critic_target(next_obs, next_action))
        Q1, Q2 = self.critic(obs, action)
        loss = F.mse_loss(Q1, target_Q) + F.mse_loss(Q2, target_Q)
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        return loss.item()

    def update_actor(self, obs):
        loss = -torch.min(*self.critic(obs, self.actor(obs), detach=True)).mean()
        self.actor_optimizer.zero_grad()
        loss.backward()
        self.actor_optimizer.step()
        return loss.item()

    def update(self, step):
        obs, next_obs = torch.rand(8, 1, 8, 8), torch.rand(8, 1, 8, 8)
        critic_loss = self.update_critic(obs, torch.rand(8, 1), torch.randn(8, 1), next_obs)
        actor_loss = self.update_actor(obs)
        if step % 2 == 0:
            for p, tp in zip(self.critic.parameters(), self.critic_target.parameters()):
                tp.data.lerp_(p.data, 0.05)
        print(step, critic_loss, actor_loss)


torch.manual_seed(0)
agent = Agent()
for step in range(6):
    agent.update(step)

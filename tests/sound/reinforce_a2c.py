"""REINFORCE with a list of log-probabilities as in PyTorch's examples, then A2C with saved actions."""

from collections import namedtuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical

SavedAction = namedtuple("SavedAction", ["log_prob", "value"])


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 16)
        self.dropout = nn.Dropout(p=0.6)
        self.affine2 = nn.Linear(16, 2)
        self.value_head = nn.Linear(16, 1)
        self.saved_actions = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.dropout(self.affine1(x)))
        return F.softmax(self.affine2(x), dim=-1), self.value_head(x)


def select_action(policy, state):
    probs, value = policy(state)
    m = Categorical(probs)
    action = m.sample()
    policy.saved_actions.append(SavedAction(m.log_prob(action), value))
    return action.item()


def finish_episode(policy, optimizer, use_critic):
    R, returns, policy_losses, value_losses = 0, [], [], []
    for r in policy.rewards[::-1]:
        R = r + 0.99 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-6)
    for (log_prob, value), R in zip(policy.saved_actions, returns):
        advantage = R - value.item() if use_critic else R
        policy_losses.append(-log_prob * advantage)
        value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
    optimizer.zero_grad()
    loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
    loss.backward()
    optimizer.step()
    del policy.rewards[:]
    del policy.saved_actions[:]
    return loss.item()


torch.manual_seed(543)
for use_critic in (False, True):
    policy = Policy()
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-2)
    running_reward = 10
    for i_episode in range(4):
        state, ep_reward = torch.randn(4), 0
        for t in range(6):
            action = select_action(policy, state)
            reward = float(state[0] > 0) * action
            state = torch.randn(4)
            policy.rewards.append(reward)
            ep_reward += reward
        running_reward = 0.05 * ep_reward + (1 - 0.05) * running_reward
        print(i_episode, ep_reward, running_reward, finish_episode(policy, optimizer, use_critic))

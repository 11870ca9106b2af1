"""PPO: old log-probabilities kept from the rollout, clipped ratio, value loss, entropy bonus, early stop by KL."""

import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical


class ActorCritic(nn.Module):
    def __init__(self, obs=4, act=2):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(obs, 32), nn.Tanh())
        self.pi = nn.Linear(32, act)
        self.v = nn.Linear(32, 1)

    def get_value(self, x):
        return self.v(self.body(x))

    def get_action_and_value(self, x, action=None):
        h = self.body(x)
        probs = Categorical(logits=self.pi(h))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.v(h)


class Env:
    def reset(self):
        self.state = np.random.randn(4).astype(np.float32)
        return self.state

    def step(self, action):
        self.state = (0.9 * self.state + 0.1 * np.random.randn(4)).astype(np.float32)
        return self.state, float(self.state[0] * (1 if action else -1)), np.random.rand() < 0.1


np.random.seed(0)
torch.manual_seed(0)
agent = ActorCritic()
optimizer = torch.optim.Adam(agent.parameters(), lr=2.5e-4, eps=1e-5)
env = Env()
next_obs, next_done = torch.tensor(env.reset()), torch.zeros(1)
T, updates = 32, 3
for update in range(1, updates + 1):
    optimizer.param_groups[0]["lr"] = (1.0 - (update - 1.0) / updates) * 2.5e-4
    obs, actions, logprobs = torch.zeros(T, 4), torch.zeros(T), torch.zeros(T)
    rewards, dones, values = torch.zeros(T), torch.zeros(T), torch.zeros(T)
    for step in range(T):
        obs[step], dones[step] = next_obs, next_done
        with torch.no_grad():
            action, logprob, _, value = agent.get_action_and_value(next_obs)
            values[step] = value.flatten()
        actions[step], logprobs[step] = action, logprob
        o, r, d = env.step(action.item())
        rewards[step] = torch.tensor(r)
        next_obs, next_done = torch.tensor(env.reset() if d else o), torch.tensor(float(d))
    with torch.no_grad():
        next_value = agent.get_value(next_obs)
        advantages, last = torch.zeros_like(rewards), 0
        for t in reversed(range(T)):
            alive = 1.0 - (next_done if t == T - 1 else dones[t + 1])
            following = next_value if t == T - 1 else values[t + 1]
            delta = rewards[t] + 0.99 * following * alive - values[t]
            advantages[t] = last = delta + 0.99 * 0.95 * alive * last
        returns = advantages + values
    clipfracs = []
    for epoch in range(2):
        for mb in np.split(np.random.permutation(T), 4):
            _, newlogprob, entropy, newvalue = agent.get_action_and_value(obs[mb], actions[mb])
            logratio = newlogprob - logprobs[mb]
            ratio = logratio.exp()
            with torch.no_grad():
                approx_kl = ((ratio - 1) - logratio).mean()
                clipfracs += [((ratio - 1.0).abs() > 0.2).float().mean().item()]
            adv = advantages[mb]
            adv = (adv - adv.mean()) / (adv.std() + 1e-8)
            pg_loss = torch.max(-adv * ratio, -adv * torch.clamp(ratio, 0.8, 1.2)).mean()
            newvalue = newvalue.view(-1)
            v_clipped = values[mb] + torch.clamp(newvalue - values[mb], -0.2, 0.2)
            v_loss = 0.5 * torch.max((newvalue - returns[mb]) ** 2, (v_clipped - returns[mb]) ** 2).mean()
            entropy_loss = entropy.mean()
            loss = pg_loss - 0.01 * entropy_loss + v_loss * 0.5
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
        if approx_kl > 0.5:
            break
    print("losses", v_loss.item(), pg_loss.item(), entropy_loss.item(), approx_kl.item(), np.mean(clipfracs))

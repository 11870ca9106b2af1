import torch
from torch import nn

torch.manual_seed(0)


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(4, 4)
        self.critic = nn.Linear(4, 1)
        self.actor = nn.Linear(4, 4)

    def act(self, x):
        """The critic only judges here."""
        for p in self.critic.parameters():
            p.requires_grad_(False)
        return self.critic(torch.tanh(self.actor(self.encoder(x).detach())))


def update(loss, optimizer):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


agent = Agent()
critic_opt = torch.optim.SGD([*agent.encoder.parameters(), *agent.critic.parameters()], lr=0.01, momentum=0.9)
actor_opt = torch.optim.Adam(agent.actor.parameters(), lr=0.01)
for _ in range(5):
    x = torch.randn(8, 4)
    update((agent.critic(torch.relu(agent.encoder(x))) - 1).pow(2).mean(), critic_opt)
    update(-agent.act(x).mean(), actor_opt)

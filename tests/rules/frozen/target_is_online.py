import torch
from torch import nn

torch.manual_seed(0)


class DQN:
    def __init__(self):
        self.online = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        self.target = self.online
        self.opt = torch.optim.Adam(self.online.parameters(), lr=1e-2)

    def sync(self):
        self.target.load_state_dict(self.online.state_dict())

    def learn(self):
        s, s2 = torch.randn(8, 4), torch.randn(8, 4)
        with torch.no_grad():
            t = 1 + 0.9 * self.target(s2).max(1).values
        loss = nn.functional.mse_loss(self.online(s).max(1).values, t)
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()


a = DQN()
for i in range(12):
    a.learn()
    if i % 4 == 0:
        a.sync()

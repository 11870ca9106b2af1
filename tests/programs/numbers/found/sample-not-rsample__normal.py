import torch
from torch import nn

torch.manual_seed(0)


class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter, self.leave = nn.Linear(6, 4), nn.Linear(2, 6)

    def forward(self, x):
        mean, spread = self.enter(x).chunk(2, dim=1)
        code = torch.normal(mean, spread.exp())  # here
        return self.leave(code), (mean**2 + spread**2).mean()


coder = Coder()
optimizer = torch.optim.Adam(coder.parameters())
for _ in range(3):
    x = torch.rand(8, 6)
    again, penalty = coder(x)
    loss = (again - x).pow(2).mean() + 0.1 * penalty
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

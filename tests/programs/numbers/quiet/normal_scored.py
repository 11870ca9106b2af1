import torch
from torch import nn

torch.manual_seed(0)
policy = nn.Linear(4, 2)
optimizer = torch.optim.Adam(policy.parameters())
for _ in range(3):
    mean = policy(torch.randn(16, 4))
    deviation = torch.full_like(mean, 0.5)
    action = torch.normal(mean, deviation)
    reward = -action.detach().pow(2).sum(1)
    likelihood = -((action - mean) ** 2 / (2 * deviation**2)).sum(1)
    loss = -(likelihood * reward).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

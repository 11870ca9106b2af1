import torch
from torch import nn

torch.manual_seed(0)
encoder, head, probe = nn.Linear(4, 4), nn.Linear(4, 1), nn.Linear(4, 1)
optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.01)
probe_optimizer = torch.optim.SGD(probe.parameters(), lr=0.01)
for epoch in range(6):
    if epoch >= 2:
        encoder.requires_grad_(False)
    x = torch.randn(8, 4)
    optimizer.zero_grad()
    (head(encoder(x)) - 1).pow(2).mean().backward()
    optimizer.step()
    probe_optimizer.zero_grad()
    (probe(encoder(x).detach()) - 1).pow(2).mean().backward()
    probe_optimizer.step()

import torch
from torch import nn
from torch.nn.functional import softplus

torch.manual_seed(0)
encoder, decoder, critic = nn.Linear(3, 4), nn.Linear(4, 3), nn.Linear(3, 1)
generator_opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
critic_opt = torch.optim.Adam(critic.parameters(), lr=1e-3)
for step in range(8):
    if step >= 3:
        encoder.requires_grad_(False)
    x = torch.randn(8, 3)
    critic_opt.zero_grad()
    fake = decoder(encoder(x).tanh())
    (softplus(-critic(x + 1)).mean() + softplus(critic(fake.detach())).mean()).backward()
    critic_opt.step()
    generator_opt.zero_grad()
    softplus(-critic(fake)).mean().backward()
    generator_opt.step()

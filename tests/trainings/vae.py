"""A variational autoencoder, with distributions and samples that carry gradients."""

import torch
import torch.nn.functional as F
from _bits import bits
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

encode, decode = nn.Linear(6, 8), nn.Linear(4, 6)
optimizer = torch.optim.Adamax([*encode.parameters(), *decode.parameters()], lr=0.01)
for _ in range(6):
    x = torch.rand(5, 6).round()
    mean, spread = encode(x).chunk(2, -1)
    posterior = Normal(mean, F.softplus(spread) + 1e-3)
    loss = (
        kl_divergence(posterior, Normal(0.0, 1.0)).sum()
        - Bernoulli(logits=decode(posterior.rsample())).log_prob(x).sum()
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(bits(encode, decode, loss))

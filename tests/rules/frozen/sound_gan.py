import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

torch.manual_seed(0)
generator, discriminator = nn.Linear(2, 3), nn.Linear(3, 1)
optim_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
optim_d = torch.optim.Adam(discriminator.parameters(), lr=1e-3)


def set_requires_grad(nets, flag):
    for net in nets:
        for p in net.parameters():
            p.requires_grad = flag


for _ in range(4):
    set_requires_grad([discriminator], True)
    fake = generator(torch.randn(8, 2))
    optim_d.zero_grad()
    real_loss = bce(discriminator(torch.randn(8, 3) + 2), torch.ones(8, 1))
    (real_loss + bce(discriminator(fake.detach()), torch.zeros(8, 1))).backward()
    optim_d.step()
    set_requires_grad([discriminator], False)
    optim_g.zero_grad()
    bce(discriminator(fake), torch.ones(8, 1)).backward()
    optim_g.step()

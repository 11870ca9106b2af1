import torch
from torch import nn
from itertools import chain


class CycleGAN:
    def __init__(self):
        self.g_ab, self.g_ba = nn.Linear(4, 4), nn.Linear(4, 4)
        self.d_a, self.d_b = nn.Linear(4, 1), nn.Linear(4, 1)
        self.opt_g = torch.optim.Adam(chain(self.g_ab.parameters(), self.g_ba.parameters()), 1e-3)
        self.opt_d = torch.optim.Adam(chain(self.d_a.parameters(), self.d_b.parameters()), 1e-3)
        self.bce = nn.BCEWithLogitsLoss()

    def gan(self, logits, real):
        return self.bce(logits, torch.full_like(logits, float(real)))

    def step(self, a, b):
        fake_b, fake_a = self.g_ab(a), self.g_ba(b)
        g = self.gan(self.d_b(fake_b), 1) + self.gan(self.d_a(fake_a), 1)
        g = g + (self.g_ba(fake_b) - a).abs().mean() + (self.g_ab(fake_a) - b).abs().mean()
        self.opt_g.zero_grad()
        g.backward(retain_graph=True)
        d = self.gan(self.d_a(a), 1) + self.gan(self.d_b(b), 1)
        d = d + self.gan(self.d_a(fake_a), 0) + self.gan(self.d_b(fake_b), 0)
        self.opt_d.zero_grad()
        d.backward()
        self.opt_g.step()
        self.opt_d.step()
        return g.item(), d.item()


torch.manual_seed(0)
gan = CycleGAN()
for i in range(6):
    print(i, *gan.step(torch.randn(8, 4), torch.randn(8, 4) + 1))

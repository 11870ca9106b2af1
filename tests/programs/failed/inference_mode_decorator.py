"""A decorated method is part of the training step."""

import torch
from torch import nn

torch.manual_seed(0)


class Trainer:
    def __init__(self):
        self.enc, self.mid, self.dec = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 4)
        self.opt = torch.optim.AdamW([*self.enc.parameters(), *self.mid.parameters(), *self.dec.parameters()])

    @torch.inference_mode()  # shown
    def embed(self, x):
        h = self.enc(x).tanh()  # shown
        return self.mid(h)  # shown

    def step(self, x):
        self.opt.zero_grad()
        loss = (self.dec(self.embed(x).clone()) - x).pow(2).mean()
        loss.backward()
        self.opt.step()


t = Trainer()
for _ in range(3):
    t.step(torch.randn(8, 4))

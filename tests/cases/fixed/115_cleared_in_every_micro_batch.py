import torch
from torch import nn


class Accumulator:
    def __init__(self, model, k=4):
        self.model, self.k = model, k
        self.opt = torch.optim.SGD(model.parameters(), 0.1)

    def epoch(self, data):
        self.opt.zero_grad()
        for i, (x, y) in enumerate(data):
            loss = nn.functional.mse_loss(self.model(x).squeeze(1), y) / self.k
            loss.backward()
            if (i + 1) % self.k == 0:
                self.opt.step()
                self.opt.zero_grad()
        return loss.item()


torch.manual_seed(0)
acc = Accumulator(nn.Linear(5, 1))
for e in range(2):
    data = [(x, x.sum(1)) for x in torch.randn(8, 16, 5)]
    print(e, acc.epoch(data))

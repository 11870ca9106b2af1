import torch
from torch import nn


class SparseAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = nn.Linear(10, 20), nn.Linear(20, 10)

    def forward(self, x):
        self.code = torch.sigmoid(self.enc(x))
        return self.dec(self.code)

    def kl(self, rho=0.05):
        m = self.code.mean(0)
        kl = rho * torch.log(rho / m) + (1 - rho) * torch.log((1 - rho) / (1 - m))
        return kl.sum()


def objective(model, x, beta=0.3):
    loss = nn.functional.mse_loss(model(x), x)
    return loss + beta * model.kl()


torch.manual_seed(0)
model = SparseAE()
opt = torch.optim.Adam(model.parameters(), 1e-2)
for epoch in range(5):
    for x in torch.randn(32, 10).split(16):
        opt.zero_grad()
        loss = objective(model, x)
        loss.backward()
        opt.step()
    print(epoch, loss.item())

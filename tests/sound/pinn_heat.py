"""A physics-informed network for the heat equation."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=16, depth=3):
        super().__init__()
        layers = [nn.Linear(2, width), nn.Tanh()]
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width), nn.Tanh()]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, x, t):
        return self.layers(torch.cat([x, t], dim=1))


def gradients(u, x):
    return torch.autograd.grad(u, x, grad_outputs=torch.ones_like(u), create_graph=True)[0]


def residual(net, x, t, alpha=0.1):
    u = net(x, t)
    u_t = gradients(u, t)
    u_x = gradients(u, x)
    u_xx = gradients(u_x, x)
    return u_t - alpha * u_xx


class Trainer:
    def __init__(self):
        self.net = Net()
        self.adam = torch.optim.Adam(self.net.parameters(), lr=1e-3)
        self.lbfgs = torch.optim.LBFGS(self.net.parameters(), max_iter=4, line_search_fn="strong_wolfe")
        self.log = []

    def loss(self):
        x = torch.rand(32, 1, requires_grad=True)
        t = torch.rand(32, 1, requires_grad=True)
        pde = residual(self.net, x, t).pow(2).mean()
        x0 = torch.rand(16, 1)
        initial = (self.net(x0, torch.zeros_like(x0)) - torch.sin(torch.pi * x0)).pow(2).mean()
        tb = torch.rand(16, 1)
        boundary = self.net(torch.zeros_like(tb), tb).pow(2).mean() + self.net(torch.ones_like(tb), tb).pow(2).mean()
        return pde, initial, boundary

    def train(self, epochs=5):
        for epoch in range(epochs):
            self.adam.zero_grad()
            pde, initial, boundary = self.loss()
            loss = pde + 10 * initial + 10 * boundary
            loss.backward()
            self.adam.step()
            self.log.append((pde.item(), initial.item(), boundary.item()))
            print(f"{epoch}: pde {pde.item():.2e} ic {initial.item():.2e} bc {boundary.item():.2e} total {loss.item():.2e}")

        def closure():
            self.lbfgs.zero_grad()
            loss = sum(self.loss())
            loss.backward()
            return loss

        self.lbfgs.step(closure)


torch.manual_seed(0)
Trainer().train()

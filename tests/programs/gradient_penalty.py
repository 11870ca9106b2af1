import torch
from gradient_names import print_gradient_names
from torch import nn

torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
x = torch.randn(5, 2, requires_grad=True)
(gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
penalty = ((gradient.norm(dim=1) - 1) ** 2).mean()
penalty.backward()
print_gradient_names(critic=critic)

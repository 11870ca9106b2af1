"""Per-sample gradients by vmap (differentially private SGD), and functional training with grad_and_value."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, grad_and_value, vmap

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def compute_loss(params, sample, target):
    return F.cross_entropy(functional_call(model, params, (sample.unsqueeze(0),)), target.unsqueeze(0))


per_sample = vmap(grad(compute_loss), in_dims=(None, 0, 0))
for step in range(4):
    x, y = torch.randn(16, 5), torch.randint(0, 3, (16,))
    params = {k: v.detach() for k, v in model.named_parameters()}
    grads = per_sample(params, x, y)
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in grads.values()]).norm(dim=0)
    factor = (1.0 / (norms + 1e-6)).clamp(max=1.0)
    for name, p in model.named_parameters():
        clipped = torch.einsum("n,n...->...", factor, grads[name])
        p.grad = (clipped + 0.1 * torch.randn_like(p)) / len(x)
    optimizer.step()
    optimizer.zero_grad()
    print(step, "mean norm", norms.mean().item())

params = {k: v.detach().clone() for k, v in model.named_parameters()}
for step in range(3):
    x, y = torch.randn(16, 5), torch.randint(0, 3, (16,))
    grads, loss = grad_and_value(lambda p: F.cross_entropy(functional_call(model, p, (x,)), y))(params)
    params = {k: params[k] - 0.1 * g for k, g in grads.items()}
    print("functional", step, loss.item())

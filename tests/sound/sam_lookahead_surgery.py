"""Optimizers of people's own: SAM, Lookahead, gradient surgery (PCGrad), gradient noise and centralisation."""

import random
from collections import defaultdict

import torch
import torch.nn.functional as F
from torch import nn


class SAM(torch.optim.Optimizer):
    def __init__(self, params, base, rho=0.05, **kwargs):
        super().__init__(params, dict(rho=rho, **kwargs))
        self.base_optimizer = base(self.param_groups, **kwargs)
        self.param_groups = self.base_optimizer.param_groups

    @torch.no_grad()
    def first_step(self, zero_grad=False):
        norm = torch.norm(torch.stack([p.grad.norm() for g in self.param_groups for p in g["params"] if p.grad is not None]))
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                self.state[p]["old_p"] = p.data.clone()
                p.add_(p.grad * group["rho"] / (norm + 1e-12))
        if zero_grad:
            self.zero_grad()

    @torch.no_grad()
    def second_step(self, zero_grad=False):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.data = self.state[p]["old_p"]
        self.base_optimizer.step()
        if zero_grad:
            self.zero_grad()


class Lookahead:
    def __init__(self, optimizer, k=3, alpha=0.5):
        self.optimizer, self.k, self.alpha, self.n = optimizer, k, alpha, 0
        self.slow = [[p.detach().clone() for p in g["params"]] for g in optimizer.param_groups]

    def zero_grad(self):
        self.optimizer.zero_grad()

    def step(self):
        self.optimizer.step()
        self.n += 1
        if self.n % self.k == 0:
            for group, slow in zip(self.optimizer.param_groups, self.slow):
                for p, q in zip(group["params"], slow):
                    q.add_(p.detach() - q, alpha=self.alpha)
                    p.data.copy_(q)


class PCGrad:
    def __init__(self, optimizer):
        self.optimizer = optimizer

    def pc_backward(self, losses):
        params = [p for g in self.optimizer.param_groups for p in g["params"]]
        grads = []
        for loss in losses:
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward(retain_graph=True)
            grads.append(torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad.clone()).flatten() for p in params]))
        merged = [g.clone() for g in grads]
        for g in merged:
            random.shuffle(grads)
            for other in grads:
                dot = torch.dot(g, other)
                if dot < 0:
                    g -= dot * other / other.norm() ** 2
        total, i = torch.stack(merged).sum(0), 0
        for p in params:
            p.grad = total[i : i + p.numel()].view_as(p).clone()
            i += p.numel()


torch.manual_seed(0)
random.seed(0)
x, y = torch.randn(32, 4), torch.randint(0, 3, (32,))
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
sam = SAM(net.parameters(), torch.optim.SGD, lr=0.1)
for i in range(4):
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    sam.first_step(zero_grad=True)
    F.cross_entropy(net(x), y).backward()
    sam.second_step(zero_grad=True)
    print("sam", i, loss.item())

opt = Lookahead(torch.optim.Adam(net.parameters(), lr=1e-2))
for i in range(6):
    opt.zero_grad()
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    with torch.no_grad():
        for p in net.parameters():
            p.grad += 0.01 / (1 + i) ** 0.55 * torch.randn_like(p.grad)
            if p.dim() > 1:
                p.grad.sub_(p.grad.mean(1, keepdim=True))
    opt.step()
    print("lookahead", i, loss.item())

body, heads = nn.Linear(4, 8), nn.ModuleList([nn.Linear(8, 1), nn.Linear(8, 1)])
pc = PCGrad(torch.optim.Adam([*body.parameters(), *heads.parameters()], lr=1e-2))
targets = torch.randn(2, 32, 1)
log = defaultdict(list)
for i in range(4):
    h = torch.relu(body(x))
    losses = [F.mse_loss(head(h), t) for head, t in zip(heads, targets)]
    pc.pc_backward(losses)
    pc.optimizer.step()
    for k, loss in enumerate(losses):
        log[k].append(loss.item())
print(dict(log))

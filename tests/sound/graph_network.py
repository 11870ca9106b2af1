"""Message passing by index_add, attention by scatter softmax, link prediction with negative samples, VGAE."""

import torch
import torch.nn.functional as F
from torch import nn


class GCN(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = nn.Linear(i, o, bias=False)
        self.bias = nn.Parameter(torch.zeros(o))

    def forward(self, x, edge):
        src, dst = edge
        deg = torch.zeros(len(x)).index_add_(0, dst, torch.ones(len(dst))).clamp(min=1)
        norm = (deg[src] * deg[dst]).rsqrt()
        msg = self.lin(x)[src] * norm[:, None]
        return torch.zeros(len(x), msg.shape[1]).index_add(0, dst, msg) + self.bias


class GAT(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin, self.a = nn.Linear(i, o), nn.Parameter(torch.randn(2 * o) * 0.1)

    def forward(self, x, edge):
        src, dst = edge
        h = self.lin(x)
        e = F.leaky_relu(torch.cat([h[src], h[dst]], 1) @ self.a, 0.2)
        top = torch.full((len(x),), float("-inf")).scatter_reduce(0, dst, e.detach(), "amax")
        w = torch.exp(e - top[dst])
        total = torch.zeros(len(x)).index_add(0, dst, w)
        alpha = w / (total[dst] + 1e-16)
        return torch.zeros_like(h).index_add_(0, dst, alpha[:, None] * h[src])


class VGAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.base, self.mu, self.logstd = GCN(6, 16), GCN(16, 4), GCN(16, 4)

    def forward(self, x, edge):
        h = self.base(x, edge).relu()
        self.mean, self.log = self.mu(h, edge), self.logstd(h, edge).clamp(max=10)
        return self.mean + torch.randn_like(self.mean) * self.log.exp()

    def kl(self):
        return -0.5 * torch.mean(torch.sum(1 + 2 * self.log - self.mean**2 - self.log.exp() ** 2, 1))


torch.manual_seed(0)
n = 20
x, y, edge = torch.randn(n, 6), torch.randint(0, 3, (n,)), torch.randint(0, n, (2, 60))
edge = torch.cat([edge, torch.arange(n).repeat(2, 1)], 1)
train_mask = torch.rand(n) < 0.6
first, second = GAT(6, 8), GCN(8, 3)
opt = torch.optim.Adam([{"params": first.parameters(), "weight_decay": 5e-4}, {"params": second.parameters()}], lr=0.01)
best_val = test = 0
for epoch in range(6):
    out = second(F.dropout(F.elu(first(x, edge)), 0.5), edge)
    loss = F.cross_entropy(out[train_mask], y[train_mask])
    opt.zero_grad()
    loss.backward()
    opt.step()
    acc = (out.argmax(1)[~train_mask] == y[~train_mask]).float().mean().item()
    best_val = max(best_val, acc)
    print(f"Epoch: {epoch:03d}, Loss: {loss:.4f}, Val: {best_val:.4f}")

model = VGAE()
opt = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(5):
    z = model(x, edge)
    neg = torch.randint(0, n, (2, 60))
    pos_loss = -torch.log(torch.sigmoid((z[edge[0]] * z[edge[1]]).sum(1)) + 1e-15).mean()
    neg_loss = -torch.log(1 - torch.sigmoid((z[neg[0]] * z[neg[1]]).sum(1)) + 1e-15).mean()
    loss = pos_loss + neg_loss + model.kl() / n
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(epoch, float(loss), float(pos_loss), float(neg_loss))

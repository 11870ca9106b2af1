import torch
from torch import nn
from torch.nn import functional as F


class Link(nn.Module):
    def __init__(self, n=20, d=6):
        super().__init__()
        self.emb = nn.Embedding(n, d)
        self.w = nn.Linear(d, d)

    def encode(self, adj):
        return torch.tanh(adj @ self.w(self.emb.weight))

    def decode(self, z, pairs):
        score = (z[pairs[0]] * z[pairs[1]]).sum(-1)
        return torch.sigmoid(score)


torch.manual_seed(0)
model = Link()
opt = torch.optim.Adam(model.parameters(), 0.01)
adj = (torch.rand(20, 20) < 0.2).float()
pos = adj.nonzero().T
for step in range(5):
    z = model.encode(adj)
    neg = torch.randint(20, pos.shape)
    out = torch.cat([model.decode(z, pos), model.decode(z, neg)])
    label = torch.cat([torch.ones(pos.shape[1]), torch.zeros(neg.shape[1])])
    loss = F.binary_cross_entropy_with_logits(out, label)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, loss.item())

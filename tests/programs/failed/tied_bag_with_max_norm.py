"""Scores against all rows, and then a bag of rows is looked up."""

import torch
import torch.nn.functional as F


class Recommender(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.items = torch.nn.EmbeddingBag(20, 6, max_norm=0.5, mode="mean")  # shown
        self.head = torch.nn.Linear(6, 6)

    def forward(self, users, baskets):
        scores = self.head(users) @ self.items.weight.t()  # shown
        return scores + self.items(baskets) @ users.t() @ torch.ones(len(users), 20)  # shown


torch.manual_seed(0)
model = Recommender()
opt = torch.optim.Adam(model.parameters())
for _ in range(2):
    opt.zero_grad()
    out = model(torch.randn(5, 6), torch.randint(0, 20, (5, 3)))
    F.cross_entropy(out, torch.randint(0, 20, (5,))).backward()
    opt.step()

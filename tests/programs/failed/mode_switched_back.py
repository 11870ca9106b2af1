import torch
from torch import nn
torch.manual_seed(1)
class Tower(nn.Module):
    def __init__(self):
        super().__init__(); self.body = nn.Sequential(nn.Linear(5, 7), nn.GELU()); self.top = nn.Linear(7, 2)
    @torch.inference_mode(False)
    def embed(self, batch):
        previous = torch.is_grad_enabled()
        torch.set_grad_enabled(False)  # shown
        features = self.body(batch)
        torch.set_grad_enabled(previous)
        return features
    def forward(self, batch):
        return self.top(self.embed(batch))
tower = Tower(); optim = torch.optim.NAdam(tower.parameters())
for _ in range(4):
    out = tower(torch.randn(9, 5)); objective = nn.functional.cross_entropy(out, torch.randint(0, 2, (9,)))
    optim.zero_grad(); objective.backward(); optim.step()

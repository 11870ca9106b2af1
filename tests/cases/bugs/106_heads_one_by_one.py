import torch
from torch import nn


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.GRU(6, 12, batch_first=True)
        self.heads = nn.ModuleDict({"age": nn.Linear(12, 1), "sex": nn.Linear(12, 2)})

    def forward(self, x):
        h = self.encoder(x)[1][0]
        return {k: head(h) for k, head in self.heads.items()}


LOSSES = {"age": lambda o, y: nn.functional.l1_loss(o.squeeze(1), y.float()), "sex": nn.functional.cross_entropy}


def train(model, loader, opt):
    for x, targets in loader:
        opt.zero_grad()
        outputs = model(x)
        for task, out in outputs.items():
            loss = LOSSES[task](out, targets[task])
            loss.backward()
        opt.step()
        print("step")


torch.manual_seed(0)
model = MultiTask()
loader = [(torch.randn(4, 7, 6), {"age": torch.randint(80, (4,)), "sex": torch.randint(2, (4,))}) for _ in range(3)]
train(model, loader, torch.optim.Adam(model.parameters()))

"""Each block compiled for itself, in a model that is not, with a checkpoint around one."""

# imports: torch._dynamo.utils
# soak: module.py compiles as much, for itself

import torch
from _report import BACKEND, report

from torch.utils.checkpoint import checkpoint


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 4)

    def forward(self, x):
        return torch.tanh(self.fc(x))


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = torch.nn.ModuleList([Block() for _ in range(3)])
        for block in self.blocks:
            block.compile(backend=BACKEND)

    def forward(self, x):
        for number, block in enumerate(self.blocks):
            x = x + (checkpoint(block, x, use_reentrant=False) if number == 1 else block(x))
        return x


model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(6):
    optimizer.zero_grad()
    model(torch.randn(3, 4)).pow(2).mean().backward()
    optimizer.step()
report(model)

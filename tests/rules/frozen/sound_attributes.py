import torch
from torch import nn

torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, requires_grad=False):
        super().__init__()
        self.l = nn.Linear(4, 4)
        self.gradient_checkpointing = False
        self.requires_grad = requires_grad
        if not requires_grad:
            for p in self.parameters():
                p.requires_grad = False

    def forward(self, x):
        return self.l(x)


net = nn.Sequential(Block(True), Block(False), nn.Linear(4, 1))
for p in net.parameters():
    p.sequence_parallel = False
    p.is_required = False
    p.grad_sync = True
    p.no_weight_decay = True
    p.requires_grad_clip = False
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(4):
    opt.zero_grad()
    net(torch.randn(8, 4)).pow(2).mean().backward()
    opt.step()

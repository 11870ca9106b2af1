"""Data parallel training of a small net; the auxiliary head has data on rank 0 alone."""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Net(nn.Module):
    """A body with two heads."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(4, 3)
        self.head = nn.Linear(3, 1)
        self.aux = nn.Linear(3, 1)

    def forward(self, x: torch.Tensor, *, has_aux: bool) -> torch.Tensor:
        """The output of the first head, or of both together."""
        h = torch.tanh(self.body(x))
        return self.head(h) + self.aux(h) if has_aux else self.head(h)


dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(0)
net = DistributedDataParallel(Net(), find_unused_parameters=True)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
torch.manual_seed(rank)
for _ in range(3):
    optimizer.zero_grad()
    loss = net(torch.randn(5, 4), has_aux=rank == 0).pow(2).mean()
    loss.backward()
    optimizer.step()
dist.destroy_process_group()

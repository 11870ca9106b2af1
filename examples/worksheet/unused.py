"""One of three layers learns nothing: which, and why?"""

import torch
from torch import nn


class Net(nn.Module):
    """Two layers that are used, and one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.skip = nn.Linear(2, 3)
        self.last = nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Leaves out `skip`."""
        hidden = torch.relu(self.first(x))
        return self.last(hidden)


torch.manual_seed(0)
net = Net()
loss = net(torch.randn(4, 2)).sum()
loss.backward()
print([name for name, parameter in net.named_parameters() if parameter.grad is None])

"""What TorchDispatchModes of the program see: around forward, backward, hooks, steps and saved tensors, in six steps."""

from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode

torch.manual_seed(0)


class Seen(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.calls = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls[str(func)] += 1
        return func(*args, **(kwargs or {}))


net = torch.nn.Sequential(torch.nn.Linear(20, 20), torch.nn.Dropout(0.1), torch.nn.Linear(20, 1))
optimizer = torch.optim.Adam(net.parameters())
x = torch.randn(5, 20)
for step in range(6):
    with Seen() as forward:
        loss = net(x).pow(2).mean()
    with Seen() as backward, Seen() as inner:
        loss.backward(create_graph=step == 1)
    with Seen() as stepping:
        optimizer.step()
    with Seen() as zeroing:
        optimizer.zero_grad(set_to_none=step % 2 == 0)
    for seen in (forward, backward, inner, stepping, zeroing):
        print(step, sorted(seen.calls.items()))
with Seen() as everything:
    for _ in range(4):
        optimizer.zero_grad()
        net(x).sum().backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
print(sorted(everything.calls.items()))
with Seen() as grads:
    torch.autograd.grad(net(x).sum(), list(net.parameters()))
print(sorted(grads.calls.items()))

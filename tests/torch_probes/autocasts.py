"""How often autocast casts and caches, and what it gives, in bfloat16 and with the cache off."""

import hashlib
from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode

torch.manual_seed(0)


class Seen(TorchDispatchMode):
    calls = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        Seen.calls[str(func)] += 1
        return func(*args, **(kwargs or {}))


net = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.LayerNorm(6), torch.nn.Linear(6, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
x = torch.randn(4, 6)
for step in range(6):
    Seen.calls.clear()
    with Seen(), torch.autocast("cpu", dtype=torch.bfloat16, cache_enabled=step % 2 == 0):
        y = net(x) + net(x)
        loss = y.float().pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
    optimizer.step()
    weights = torch.cat([one.detach().flatten() for one in net.parameters()])
    print(step, y.dtype, sorted(Seen.calls.items()), hashlib.sha256(weights.numpy().tobytes()).hexdigest()[:12])
with torch.autocast("cpu"), torch.autocast("cpu", enabled=False):
    print(net(x).dtype, torch.is_autocast_enabled("cpu"))

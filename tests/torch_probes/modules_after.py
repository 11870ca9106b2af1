"""The names of all modules that are loaded after two steps."""

# alone: it looks at how torch is imported

import os
import sys

import torch

torch.manual_seed(0)
m = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
o = torch.optim.SGD(m.parameters(), lr=0.1)


def step(i=0):
    o.zero_grad()
    l = m(torch.ones(3, 4)).pow(2).mean()
    l.backward()
    o.step()
    return l.item()


step()
step()
print(
    sorted(k for k in sys.modules if not k.startswith(("torch", "gradtrace")))
    == sorted(set(k for k in sys.modules if not k.startswith(("torch", "gradtrace"))))
)
for k in sorted(k for k in sys.modules if not k.startswith("gradtrace")):
    print(k)

"""Which calls a trace function of the program sees in a step: at most the wrappers of zero_grad, backward and step."""

# listed: calls of ours by name

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


from collections import Counter

c, ours = Counter(), Counter()


def p(fr, ev, arg):
    if "gradtrace" in fr.f_code.co_filename:
        ours[ev] += 1
    else:
        c[(os.path.basename(fr.f_code.co_filename), fr.f_code.co_name, ev)] += 1
    return p


sys.settrace(p)
step()
sys.settrace(None)
for k, v in sorted(c.items()):
    print(k, v)
print(ours["call"] <= 4)

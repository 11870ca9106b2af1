"""An exception raised by a signal handler in the midst of training is not swallowed."""

# listed: a signal that arrives while torch imports something of its own
# alone: it has a timer of its own

import random
import signal
import sys
import time

import torch

torch.manual_seed(0)
random.seed(0)
net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
lost, ignored = [], []
sys.unraisablehook = ignored.append  # what is raised while an object dies is lost by Python itself


class Late(Exception):
    pass


def raises(*_):
    raise Late


def step():
    optimizer.zero_grad()
    net(torch.ones(3, 4)).pow(2).mean().backward()
    optimizer.step()


signal.signal(signal.SIGALRM, raises)
for turn in range(400):
    end = time.time() + 1
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0005, 0.004))
        while time.time() < end:
            step()
        lost.append(turn)
    except Late:
        torch.set_grad_enabled(True)  # torch itself may have been interrupted while it switched this off
print(len(lost) - len(ignored) < 8)  # torch's own code loses one now and then

"""Processes that train one shared model, each in its turn."""

import torch
import torch.multiprocessing as multiprocessing
from _bits import bits
from torch import nn

net = nn.Linear(4, 1).share_memory()


def train(seed):
    torch.manual_seed(seed)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for _ in range(5):
        optimizer.zero_grad()
        net(torch.randn(3, 4)).pow(2).mean().backward()
        optimizer.step()


context = multiprocessing.get_context("fork")
for seed in range(3):
    worker = context.Process(target=train, args=(seed,))
    worker.start()
    worker.join()
    print(worker.exitcode)
print(bits(net))

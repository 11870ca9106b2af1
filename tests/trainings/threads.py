"""Four threads, each with a model of its own and its own random numbers."""

import threading

import torch
from _bits import bits
from torch import nn

torch.set_num_threads(1)
models = [nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)) for _ in range(4)]


def train(number):
    generator = torch.Generator().manual_seed(number)
    optimizer = torch.optim.Adam(models[number].parameters(), lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        models[number](torch.randn(3, 4, generator=generator)).pow(2).mean().backward()
        optimizer.step()


workers = [threading.Thread(target=train, args=(number,)) for number in range(4)]
for one in workers:
    one.start()
for one in workers:
    one.join()
print(bits(*models))

"""Random batches of workers that are forked, spawned and forked by a server."""

# alone: spawn imports the main module again
# soak: nine interpreters start

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


from torch.utils.data import DataLoader, Dataset


class D(Dataset):
    def __len__(s):
        return 12

    def __getitem__(s, i):
        return torch.tensor([float(i)]) + torch.rand(1)


if __name__ == "__main__":
    for ctx in ("fork", "spawn", "forkserver"):
        g = torch.Generator()
        g.manual_seed(3)
        for b in DataLoader(D(), batch_size=4, num_workers=2, multiprocessing_context=ctx, generator=g, shuffle=True):
            print(ctx, b.flatten().tolist())
    print(step())

"""Passes of several tasks of one event loop in debug mode, and in its executor."""

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


import asyncio


async def tr(i):
    p = torch.ones(2, requires_grad=True)
    for k in range(3):
        (p * i).sum().backward()
        await asyncio.sleep(0)
    return p.grad.tolist()


async def main():
    print(await asyncio.gather(*[tr(i) for i in range(5)]))
    loop = asyncio.get_running_loop()
    print(await asyncio.gather(*[loop.run_in_executor(None, step) for i in range(1)]))
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.05)
    except asyncio.TimeoutError:
        print("to")


asyncio.run(main(), debug=True)

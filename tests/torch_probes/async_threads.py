"""Tasks that train in threads, are cancelled, and fail; and what an event loop says of them."""

import asyncio

import torch


def train(number):
    w = torch.full((3,), float(number), requires_grad=True)
    for _ in range(5):
        (w * w).sum().backward()
    return w.grad.tolist()


async def steps(number):
    w = torch.ones(2, requires_grad=True)
    try:
        for turn in range(100):
            (w * number).sum().backward()
            await asyncio.sleep(0)
            if turn == 3 and number == 2:
                raise ValueError("turn three")
    except asyncio.CancelledError:
        return "cancelled"
    return w.grad.tolist()


async def main():
    print(await asyncio.gather(*[asyncio.to_thread(train, number) for number in range(4)]))
    tasks = [asyncio.create_task(steps(number)) for number in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    print([repr(one) for one in await asyncio.gather(*tasks, return_exceptions=True)])
    print(len(asyncio.all_tasks()))


asyncio.run(main())

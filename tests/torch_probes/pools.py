"""Training in pools of threads and processes, with context variables and shared tensors."""

# alone: spawned workers import the main module again

import concurrent.futures as futures
import contextvars
import multiprocessing

import torch

tag = contextvars.ContextVar("tag", default="none")


def train(seed):
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(3, generator=generator, requires_grad=True)
    for _ in range(5):
        w.grad = None
        loss = (w - 1).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
    return tag.get(), w.tolist()


def add(shared, queue):
    shared.add_(1)
    w = torch.ones(2, requires_grad=True)
    (w * shared).sum().backward()
    queue.put(w.grad.tolist())


if __name__ == "__main__":
    tag.set("main")
    with futures.ThreadPoolExecutor(4) as pool:
        print(sorted(pool.map(train, range(8))))
    for how in ("fork", "spawn"):
        context = multiprocessing.get_context(how)
        with futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            print(how, list(pool.map(train, range(4))))
    shared = torch.zeros(2).share_memory_()
    context = torch.multiprocessing.get_context("fork")
    queue = context.Queue()
    for _ in range(2):
        worker = context.Process(target=add, args=(shared, queue))
        worker.start()
        print(queue.get())
        worker.join()
        print(worker.exitcode, shared)

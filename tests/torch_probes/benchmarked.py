"""torch.utils.benchmark and timeit run the program's statement as often as they are told, with its globals."""

import timeit

import torch
from torch.utils import benchmark

w = torch.ones(3, requires_grad=True)
n = [0]


def step():
    n[0] += 1
    w.grad = None
    (w * 2).sum().backward()


timer = benchmark.Timer("step()", globals={"step": step}, num_threads=1)
measured = timer.timeit(10)
print(n, measured.number_per_run, len(measured.times), measured.num_threads)
timeit.timeit("step()", globals=globals(), number=5)
print(n, timeit.repeat(step, number=2, repeat=2) != [], n, w.grad)
counted = benchmark.Timer("(w * 2).sum().backward()", "w = torch.ones(3, requires_grad=True)", globals={"torch": torch})
print(len(counted.timeit(3).times))

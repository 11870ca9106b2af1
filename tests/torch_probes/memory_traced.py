"""What tracemalloc finds allocated by which of the program's own lines, and whether it is on."""

import gc
import tracemalloc

import torch

torch.manual_seed(0)
net = torch.nn.Linear(3, 1)
kept = []


def step():
    net.zero_grad()
    loss = net(torch.ones(2, 3)).sum()
    loss.backward()
    kept.append(loss.item())


for _ in range(5):
    step()
tracemalloc.start()
for _ in range(5):
    step()
gc.collect()
mine = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, __file__)])
for one in mine.statistics("lineno"):
    print(one.traceback[0].lineno)
print(tracemalloc.is_tracing(), tracemalloc.get_traceback_limit())
tracemalloc.stop()

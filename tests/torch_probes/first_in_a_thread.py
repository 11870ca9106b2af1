"""torch is imported for the first time in a thread, below a function."""

# alone: it is about the import of torch

import threading

result = []


def work():
    import torch

    w = torch.ones(3, requires_grad=True)
    for _ in range(5):
        (w * 2).sum().backward()
    result.append(w.grad.tolist())


threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(result, threading.active_count())
work()
print(result[-1])

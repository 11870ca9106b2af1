"""Exception hooks of the process, of threads and of what cannot be raised, with passes that fail."""

# alone: it is about how the interpreter reports errors

import sys
import threading
import traceback

import torch

sys.excepthook = lambda kind, error, place: print("uncaught", kind.__name__, error, len(traceback.extract_tb(place)))
threading.excepthook = lambda seen: print("thread", seen.exc_type.__name__, seen.exc_value)
sys.unraisablehook = lambda seen: print("unraisable", seen.exc_type.__name__, seen.exc_value)


class Bad:
    def __del__(self):
        raise ValueError("while dying")


def twice():
    loss = torch.ones(2, requires_grad=True).pow(2).sum()
    loss.backward()
    loss.backward()


for _ in range(4):
    thread = threading.Thread(target=twice)
    thread.start()
    thread.join()
    bad = Bad()
    torch.ones(2, requires_grad=True).sum().backward()
    del bad
print(sys.excepthook.__name__, sys.exc_info())
twice()

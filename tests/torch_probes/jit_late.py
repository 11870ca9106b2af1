"""Scripting and tracing between and after passes, in a thread, inside a mode, with checks, freezing and forks."""

import io
import threading
import warnings

import torch
import torch.nn.functional as F

torch.manual_seed(0)
warnings.simplefilter("ignore", DeprecationWarning)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU(), torch.nn.LayerNorm(4))
w = torch.ones(3, requires_grad=True)


def both(x):
    return F.softmax(F.dropout(x, 0.0, False), 0) + F.normalize(x, dim=0)


def show(tag, how):
    result = how()
    print(tag, result.graph, result.code)


for step in range(5):
    (w * step).sum().backward()
    show(f"script {step}", lambda: torch.jit.script(both))
    show(f"trace {step}", lambda: torch.jit.trace(both, torch.ones(3)))
    show(f"module {step}", lambda: torch.jit.trace(net, torch.ones(2, 3), check_trace=True))
thread = threading.Thread(target=show, args=("thread", lambda: torch.jit.script(net)))
thread.start()
thread.join()
thread = threading.Thread(target=show, args=("thread", lambda: torch.jit.trace(net, torch.ones(2, 3))))
thread.start()
thread.join()
frozen = torch.jit.freeze(torch.jit.script(net.eval()))
print(frozen.graph)
file = io.BytesIO()
torch.jit.save(frozen, file)
file.seek(0)
x = torch.ones(2, 3, requires_grad=True)
torch.jit.load(file)(x).pow(2).sum().backward()
print(x.grad)


@torch.jit.script
def forks(x: torch.Tensor) -> torch.Tensor:
    future = torch.jit.fork(torch.relu, x)
    return torch.jit.wait(future) + x


forks(w).sum().backward()
print(w.grad, forks.graph)

"""What a TorchFunctionMode of the program sees: entered before, between, after and inside passes, nested, and kept open."""

import torch
from torch.overrides import BaseTorchFunctionMode, TorchFunctionMode


class Seen(TorchFunctionMode):
    def __init__(self, name):
        self.name, self.calls = name, []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.calls.append(getattr(func, "__name__", str(func)))
        return func(*args, **(kwargs or {}))


w = torch.ones(3, requires_grad=True)
outer, late = Seen("outer"), Seen("late")
outer.__enter__()
for step in range(6):
    with Seen("inner") as inner, BaseTorchFunctionMode():
        loss = (w * 2).exp().sum()
        torch.nn.functional.gelu(w)
        loss.backward()
        torch.nn.functional.mse_loss(w, w.detach())
    print(step, inner.calls)
    if step == 2:
        late.__enter__()
print(outer.calls)
late.__exit__(None, None, None)
outer.__exit__(None, None, None)
print(late.calls)


class Inside(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        return a * 2

    @staticmethod
    def backward(ctx, g):
        with Seen("backward") as seen:
            g = g.mul(2).add(1)
        print(seen.calls)
        return g


for _ in range(5):
    with Seen("around") as around:
        y = Inside.apply(w)
    y.sum().backward()
    print(around.calls)
try:
    with Seen("raising") as raising:
        w.backward(torch.ones(5))
except RuntimeError as error:
    print(raising.calls, str(error)[:60])

"""Gradient descent by hand: fit a line without an optimizer.

What it teaches
    The update itself must not be followed by autograd: do it under `torch.no_grad()`, or on `.data`.
    Update in place (`-=`), so that the leaf stays the same leaf; `w = w - lr * w.grad` would make a new tensor.
    Nobody zeroes `.grad` for you: clear it before the next pass.

Try
    gradtrace explain examples/manual_update.py
"""

import torch

torch.manual_seed(0)
x = torch.linspace(-1.0, 1.0, 20)
target = 3.0 * x + 1.0 + 0.05 * torch.randn(20)

slope = torch.zeros((), requires_grad=True)
offset = torch.zeros((), requires_grad=True)
learning_rate = 0.5


def mean_squared_error() -> torch.Tensor:
    """Measure how far the line is from the points."""
    prediction = slope * x + offset
    return ((prediction - target) ** 2).mean()


for _ in range(15):
    loss = mean_squared_error()
    loss.backward()
    with torch.no_grad():
        slope -= learning_rate * slope.grad
        offset -= learning_rate * offset.grad
    slope.grad = None
    offset.grad = None

# The older spelling: `.data` is the same numbers without autograd, and zeros do as well as None.
for _ in range(15):
    loss = mean_squared_error()
    loss.backward()
    for leaf in (slope, offset):
        leaf.data -= learning_rate * leaf.grad
        leaf.grad.zero_()

print(f"slope {slope.item():.2f} (made with 3), offset {offset.item():.2f} (made with 1), loss {loss.item():.4f}")

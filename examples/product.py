"""The chain rule on z = w * w * y, by way of x = w * w.

What it teaches
    `w` is used twice, so two contributions add up in `w.grad`: y*w + y*w = 2.
    A second backward pass adds to `.grad`; it does not replace it: 2 becomes 4. Clearing it starts again from nothing.
    `x` is not a leaf, so it keeps no `.grad`, although a gradient (2) flows through it. `x.retain_grad()` keeps it.

Try
    gradtrace explain examples/product.py
    gradtrace explain 'w*w*y' w=0.5 y=2.0
"""

import torch

w = torch.tensor(0.5, requires_grad=True)
y = torch.tensor(2.0, requires_grad=True)

x = w * w
z = x * y
z.backward()
print(f"first pass:     z {z.item()}  w.grad {w.grad.item()}  y.grad {y.grad.item()}")
print(f"                x is a leaf: {x.is_leaf}, so its gradient was used and not kept")

x = w * w
x.retain_grad()
z = x * y
z.backward()
print(f"second pass:    x.grad {x.grad.item()} was kept  w.grad {w.grad.item()}  y.grad {y.grad.item()}")

w.grad = None
y.grad = None

x = w * w
z = x * y
z.backward()
print(f"after clearing: w.grad {w.grad.item()}  y.grad {y.grad.item()}")

"""`add` makes a new tensor, `add_` writes into the old one: when that is harmless, and when backward cannot go on.

What it teaches
    An operation whose name ends in `_` changes its tensor in place, and autograd counts the writes.
    Harmless: writing into a tensor that no operation saved for its backward.
    A conflict: sigmoid saves its own result, because its derivative is s * (1 - s). Overwrite the result and
    `backward()` must refuse: "one of the variables needed for gradient computation has been modified by an inplace
    operation". With the word `conflict` the program does just that, and fails.

Try
    gradtrace explain examples/in_place.py
    gradtrace explain examples/in_place.py -- conflict
"""

import sys

import torch

a = torch.tensor([1.0, 2.0])
b = a.add(10.0)
print("a.add(10)  ", b.tolist(), "and a is still", a.tolist())
a.add_(10.0)
print("a.add_(10) ", a.tolist(), "is a itself, now in version", a._version)

w = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)

shifted = w * 3.0
shifted.add_(1.0)  # harmless: neither the product by a number nor the sum keeps this tensor
shifted.sum().backward()
print("w.grad after an in-place add on a product:", w.grad.tolist())

w.grad = None
squashed = torch.sigmoid(w)
if "conflict" in sys.argv[1:]:
    squashed.add_(1.0)  # sigmoid saved this tensor
    raised = squashed
else:
    raised = squashed.add(1.0)  # a new tensor: the saved one stays as it was
raised.sum().backward()
print("w.grad through sigmoid, out of place:", [round(value, 4) for value in w.grad.tolist()])

"""From numpy to torch and back: the same memory under two names.

What it teaches
    `torch.from_numpy(array)` and `tensor.numpy()` copy nothing: write to one and the other changes.
    `torch.tensor(array)` copies. numpy's default is float64, torch's is float32.
    numpy knows no gradients. A tensor that requires grad must be detached first, and what numpy computes from
    then on is a constant for autograd: no gradient passes through it.

Try
    gradtrace explain examples/numpy_bridge.py
"""

import numpy as np
import torch

array = np.array([1.0, 2.0, 3.0])
shared = torch.from_numpy(array)
copied = torch.tensor(array)
array[0] = 100.0
print("from_numpy shares:", shared.tolist(), shared.dtype)
print("tensor copies:    ", copied.tolist())

shared.mul_(2.0)
print("and back:         ", array.tolist())

w = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
try:
    w.numpy()
except RuntimeError as error:
    print("w.numpy():        ", error)
view = w.detach().numpy()
print("w.detach().numpy()", view.tolist(), "shares memory:", np.shares_memory(view, w.detach().numpy()))

scale = torch.from_numpy(np.sqrt(view))  # computed by numpy: a constant for autograd
loss = (w * scale).sum()
loss.backward()
print("w.grad:           ", [round(value, 4) for value in w.grad.tolist()], "which is sqrt(w), numpy's constant;")
print("                   in torch alone it would be 1.5 * sqrt(w)")

"""A tensor holds data. When asked to, it also collects its gradient.

What it teaches
    `requires_grad` is False unless you ask for it. `.grad` stays None until a backward pass has reached the tensor.
    `.grad_fn` names the operation that made a tensor; the ones you make yourself, the leaves, have none.
    Whatever is computed from a tensor that requires grad requires grad too.

Try
    gradtrace explain examples/tensors.py
"""

import torch

plain = torch.tensor([1.0, 2.0, 3.0])
print("plain.requires_grad", plain.requires_grad)  # False: a tensor is not followed unless you ask

weights = torch.tensor([0.5, -1.0, 2.0], requires_grad=True)
print("weights.data       ", weights.data)
print("weights.grad       ", weights.grad)  # None: no backward pass yet
print("weights.grad_fn    ", weights.grad_fn)  # None: nothing made it, it is a leaf

products = weights * plain
total = products.sum()
print("total              ", total.item(), "made by", total.grad_fn.name())
print("                    which was fed by", total.grad_fn.next_functions[0][0].name())

total.backward()
print("weights.grad       ", weights.grad)  # d total / d weights = plain
print("plain.grad         ", plain.grad)  # still None: it never asked

later = torch.tensor([4.0, 5.0, 6.0]).requires_grad_()  # asking afterwards works as well
squares = (later**2).sum()
squares.backward()
print("later.grad         ", later.grad)  # 2 * later

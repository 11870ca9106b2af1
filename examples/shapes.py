"""Where the gradient goes when shapes change.

What it teaches
    `unsqueeze`, `squeeze` and broadcasting change the shape; the gradient is brought back to the leaf's own.
    A broadcast leaf was used many times, so its gradient is summed over the broadcast dimension.
    `gather` picks elements; only the picked ones get a gradient, the others get zero.
    A reduction names the dimension that vanishes: `sum(dim=0)` of [3, 4] is [4]. `mean` shares its gradient out,
    `max` gives all of it to the largest element.

Try
    gradtrace explain examples/shapes.py
    gradtrace render examples/shapes.py --passes 2
"""

import torch

rows = torch.arange(12.0).reshape(3, 4).requires_grad_()
bias = torch.zeros(4, requires_grad=True)

# Broadcasting: [3, 4] + [4]. Each bias was added to three rows.
total = (rows + bias).sum()
total.backward()
print("broadcast   bias.grad", bias.grad.tolist())

# gather and squeeze: one element of each row.
rows.grad = None
index = torch.tensor([2, 0, 3])
picked = rows.gather(1, index.unsqueeze(1)).squeeze(1)
print("gather      picked", picked.tolist(), "of shape", list(picked.shape))
picked.mean().backward()
print("            rows.grad", [[round(value, 3) for value in row] for row in rows.grad.tolist()])

# Reductions: sum over dim 0, then the largest along what is left.
rows.grad = None
columns = rows.sum(dim=0)
largest = columns.max(dim=0).values
largest.backward()
print("reductions  columns", columns.tolist(), "largest", largest.item())
print("            rows.grad", rows.grad.tolist())

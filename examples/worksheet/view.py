"""A row of a table is written to. Which elements of `table` still get a gradient?"""

import torch

table = torch.zeros(2, 3, requires_grad=True)
copy = table.clone()
row = copy[0]
row.fill_(5.0)
copy.sum().backward()
print(table.grad)

import torch

scores = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
index = torch.tensor([[2], [0]])
picked = scores.gather(1, index)
flat = picked.squeeze(1)
total = scores.sum(dim=1)
best, where = scores.max(dim=1)
mask = scores > 2
loss = flat.sum() + total.mean() + best.sum()
loss.backward()
print(scores.grad, where, mask)
unused = torch.zeros(3, requires_grad=True)
print(unused.grad)

import torch

w = torch.tensor(3.0, requires_grad=True)
x = torch.tensor([1.0, 2.0, 3.0])
b = torch.ones(3)
labels = torch.tensor([0, 1, 2])
n = 5
y = w * x + b
z = y.sum()
print(w.grad, w.grad_fn, y.grad_fn, x.requires_grad)
z.backward()
print(w.grad)
d = w.data
v = z.item()
print(v, d, n, labels)

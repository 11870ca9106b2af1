import torch

w = torch.tensor([1.0, 2.0], requires_grad=True)
x = torch.tensor([3.0, 4.0])
y = torch.tensor([5.0, 6.0], requires_grad=True)
z = (w * x * y).sum()
z.backward()
print(w.grad, x.grad, y.grad)

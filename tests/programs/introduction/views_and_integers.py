import torch

x = torch.tensor([1, 2, 3])
try:
    x.requires_grad_()
except RuntimeError as error:
    print(error)
t = torch.tensor([1.0, 2.0], requires_grad=True)
u = t.clone()
u.add_(1)
v = t.detach().clone()
v += 1
mask = t > 1
z = (u * mask).sum()
z.backward()
half = t.half()
total = 0
for element in t:
    total = total + element
print(t.grad, u.grad, v.grad, half, total)

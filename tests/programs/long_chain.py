import torch

w = torch.tensor(1.0, requires_grad=True)
x = w
for _ in range(100_000):
    x = x * 1.0
x.backward()
print(w.grad.item())

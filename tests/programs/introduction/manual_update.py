import torch

torch.manual_seed(0)
x = torch.randn(20, 3)
t = x @ torch.tensor([1.0, -2.0, 0.5])
w = torch.zeros(3, requires_grad=True)
lr = 0.05
for step in range(12):
    pred = x @ w
    loss = ((pred - t) ** 2).mean()
    loss.backward()
    w.data -= lr * w.grad
    print(step, loss.item())

"""Gradient descent written out, with `.grad` cleared in all the ways people use."""

import torch


def none(p):
    p.grad = None


def zero(p):
    p.grad.zero_()


def zeros_like(p):
    p.grad = torch.zeros_like(p)


def times_zero(p):
    p.grad.mul_(0)


def fill(p):
    p.grad.fill_(0)


def copy(p):
    p.grad.copy_(torch.zeros_like(p.grad))


def detached(p):
    p.grad.detach_()
    p.grad.zero_()


def data_zero(p):
    p.grad.data.zero_()


def data_assigned(p):
    p.grad.data = torch.zeros_like(p.grad)


def item(p):
    p.grad[...] = 0.0


def foreach(p):
    torch._foreach_zero_([p.grad])


def subtract(p):
    p.grad -= p.grad.clone()


def delete(p):
    del p.grad


WAYS = [none, zero, zeros_like, times_zero, fill, copy, detached, data_zero, data_assigned, item, foreach, subtract, delete]


def fit(clear, x, y, lr=0.1, epochs=5):
    w = torch.zeros(3, 1, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    for epoch in range(epochs):
        loss = ((x @ w + b - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= lr * w.grad
            b -= lr * b.grad
        clear(w)
        clear(b)
    print(f"{clear.__name__}: loss={loss.item():.4f} w={w.norm().item():.3f} b={b.item():.3f}")


def fit_with_optimizer(clear, x, y):
    net = torch.nn.Linear(3, 1)
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(4):
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        opt.step()
        for p in net.parameters():
            clear(p)
    print("optimizer", clear.__name__, loss.item())


torch.manual_seed(0)
x = torch.randn(32, 3)
y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3
for way in WAYS:
    fit(way, x, y)
    fit_with_optimizer(way, x, y)

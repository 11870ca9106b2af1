import warnings

import torch

w = torch.tensor(2.0, requires_grad=True)
w.backward()
w.backward(torch.tensor(3.0))
empty = torch.zeros(0, 3, requires_grad=True)
empty.sum().backward()
(w * 0 / 0 + torch.log(w - 2) + torch.tensor(float("inf"))).backward()
w.grad = None
unused = torch.tensor(1.0, requires_grad=True)
print(torch.autograd.grad(w * 2, [w, unused], allow_unused=True))


class Nothing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, gradient):
        return None, gradient


(Nothing.apply(w * 3, unused) + w.exp()).backward()
parts = torch.ones(6, requires_grad=True)
one, _, three = torch.split(parts * 2, 2)
(one.sum() + three.prod()).backward()
rounded = (parts * 2.5).round().sum() + torch.where(parts > 2, parts, torch.zeros(())).sum()
rounded.backward()
for broken in (lambda: torch.ones(2).sum().backward(), lambda: (w * parts).backward(), rounded.backward):
    try:
        broken()
    except RuntimeError as error:
        print("error:", str(error)[:60])
with warnings.catch_warnings(record=True) as caught:
    y = w * 1
    y.grad
print(len(caught))

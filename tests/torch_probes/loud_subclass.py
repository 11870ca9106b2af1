"""A tensor subclass and a module whose every answer is printed: truth, length, equality, hash, attributes, iteration."""

import torch

torch.manual_seed(0)


class Loud(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        print("function", getattr(func, "__name__", func), end=" ")
        return super().__torch_function__(func, types, args, kwargs or {})

    def __len__(self):
        print("len", end=" ")
        return 0

    def __bool__(self):
        print("bool", end=" ")
        return False

    def __eq__(self, other):
        print("eq", end=" ")
        return NotImplemented

    def __hash__(self):
        print("hash", end=" ")
        return 7

    def __repr__(self):
        print("repr", end=" ")
        return "Loud"

    def __iter__(self):
        print("iter", end=" ")
        return iter(())

    @property
    def shape(self):
        print("shape", end=" ")
        return torch.Size([9, 9])

    @property
    def grad_fn(self):
        print("grad_fn", end=" ")


class Asked(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(3, 1)

    def parameters(self, recurse=True):
        print("parameters", end=" ")
        return super().parameters(recurse)

    def named_parameters(self, *args, **kwargs):
        print("named_parameters", end=" ")
        return super().named_parameters(*args, **kwargs)

    def named_modules(self, *args, **kwargs):
        print("named_modules", end=" ")
        return super().named_modules(*args, **kwargs)

    def children(self):
        print("children", end=" ")
        return super().children()

    def __len__(self):
        print("len", end=" ")
        return 0

    def __bool__(self):
        print("bool", end=" ")
        raise TypeError("no truth in here")

    def __eq__(self, other):
        print("eq", end=" ")
        return False

    def __hash__(self):
        print("hash", end=" ")
        return 7

    def __getattr__(self, name):
        print("getattr", name, end=" ")
        return super().__getattr__(name)

    def forward(self, x):
        return self.fc(x)


loud = torch.ones(3).as_subclass(Loud).requires_grad_()
net = Asked()
optimizer = torch.optim.SGD(list(net.parameters()), lr=0.1)
for step in range(5):
    print("\nstep", step)
    loss = (loud * 2).sum() + net(torch.ones(1, 3)).sum()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    net.zero_grad()
print()

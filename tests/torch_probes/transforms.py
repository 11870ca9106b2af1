"""vmap, grad, jvp, vjp, jacobians, Hessians and functional calls, again after many passes."""

import torch
from torch.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
)
from torch.func import vjp, vmap

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
weights = dict(net.named_parameters())
x = torch.randn(5, 3)


def loss(weights, sample):
    return functional_call(net, weights, (sample,)).pow(2).sum()


def cubes(v):
    return (v**3).sum()


for step in range(6):
    per_sample = vmap(grad(loss), in_dims=(None, 0))(weights, x)
    print(step, per_sample["0.weight"].sum().item(), per_sample["2.bias"].flatten().tolist())
    print(jacrev(torch.sin)(x[0]), jacfwd(torch.sin)(x[0]), hessian(cubes)(x[0]))
    print(jvp(torch.exp, (x[0],), (x[1],)), vjp(cubes, x[0])[1](torch.tensor(1.0)), grad_and_value(cubes)(x[0]))
    print(linearize(torch.sin, x[0])[1](x[1]), vmap(torch.dot)(x, x))
    print(grad(lambda v: grad(cubes)(v).sum())(x[0]), vmap(vmap(torch.sin))(x)[0])
    with torch.no_grad():
        print(grad(cubes)(x[0]))
    try:
        grad(torch.sin)(x[0])
    except RuntimeError as error:
        print(str(error)[:80])
    loss(weights, x).backward()
print(net[0].weight.grad)
stacked, buffers = stack_module_state([torch.nn.Linear(3, 1) for _ in range(3)])
one = torch.nn.Linear(3, 1)
vmap(lambda s, b: functional_call(one, (s, b), (x,)).sum())(stacked, buffers).sum().backward()
print(stacked["weight"].grad)
print(torch.autograd.functional.jacobian(torch.sin, x[0], vectorize=True))
print(torch.autograd.functional.hessian(cubes, x[0]), torch.autograd.functional.vhp(cubes, x[0], x[1]))

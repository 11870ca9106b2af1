import torch
from gradient_names import print_gradient_names
from torch import nn
from torch.func import functional_call, grad, hessian, jacrev, vjp, vmap

torch.manual_seed(0)
net = nn.Linear(3, 1)
parameters = {name: value.detach() for name, value in net.named_parameters()}
x = torch.randn(4, 3)


def loss_of(parameters, x):
    return functional_call(net, parameters, (x,)).pow(2).mean()


print(grad(loss_of)(parameters, x)["weight"].shape)
print(vmap(grad(loss_of), in_dims=(None, 0))(parameters, x)["weight"].shape)
print(jacrev(torch.sin)(x[0]).shape, hessian(lambda v: v.pow(3).sum())(x[0]).shape)
print(torch.autograd.functional.jacobian(torch.exp, x[0]).shape)
value, back = vjp(torch.cos, x)
print(back(torch.ones_like(value))[0].shape)
weighted = loss_of(dict(net.named_parameters()), x) + grad(lambda v: v.pow(2).sum())(net.weight).sum()
weighted.backward()
print_gradient_names(net=net)

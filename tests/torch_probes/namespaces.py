"""The names in torch's modules and classes, and the attributes of the program's tensors, modules and optimizers."""

import hashlib
import sys
import threading

import torch

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
SPACES = [torch, torch.autograd, torch.autograd.graph, torch.Tensor, torch.nn.Module, torch.nn.Parameter, torch.optim]
SPACES += [
    torch.optim.Optimizer,
    torch.optim.SGD,
    torch.nn.functional,
    torch.overrides,
    torch.autograd.Function,
    threading,
]
SPACES += [threading.Thread, sys, torch.nn.modules.module, sys.modules["torch.optim.optimizer"]]


def names(space):
    found = sorted(key for key in vars(space) if not key.startswith("__warning") and key != "last_value")
    return getattr(space, "__name__", "?"), len(found), hashlib.sha256(" ".join(found).encode()).hexdigest()[:12]


for step in range(5):
    loss = net(torch.ones(2, 3)).pow(2).mean()
    loss.backward()
    optimizer.step()
    print([names(one) for one in SPACES])
    print(vars(loss), vars(net[0].weight), vars(net[0].weight.grad), sorted(vars(net[0])), sorted(vars(optimizer)))
    print(sorted(net[0]._forward_hooks), sorted(net._forward_pre_hooks), sorted(optimizer._optimizer_step_pre_hooks))
    print(net[0].weight._backward_hooks, net[0].weight._post_accumulate_grad_hooks, loss.grad_fn.metadata)
    print(
        sorted(optimizer.param_groups[0]),
        optimizer.step.__func__ is torch.optim.SGD.step,
        sorted(vars(threading.current_thread())),
    )
    optimizer.zero_grad()
print(torch.optim.SGD.__mro__, torch.nn.Linear.__mro__, type(loss), type(loss.grad_fn).__mro__)

"""Models are copied, pickled and saved in the middle of training; what they hold is what they would hold alone."""

import copy
import io
import pickle

import torch
from torch import nn
from torch.overrides import TorchFunctionMode, is_tensor_method_or_property

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
optimizer = torch.optim.Adam(net.parameters())
for _ in range(3):
    optimizer.zero_grad()
    net(torch.randn(5, 3)).pow(2).mean().backward()
    optimizer.step()
    twin = copy.deepcopy(net)
    buffer = io.BytesIO()
    torch.save(net, buffer)
    print(len(pickle.dumps(net)), len(pickle.dumps(optimizer)), buffer.tell())
    buffer.seek(0)
    again = torch.load(buffer, weights_only=False)
    print(all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(net.parameters(), twin.parameters(), again.parameters())))
    print([sorted(vars(module)) == sorted(vars(nn.Linear(1, 1))) for module in net.modules() if isinstance(module, nn.Linear)])
    print([len(module._backward_hooks) + len(module._forward_hooks) + len(module._forward_pre_hooks) for module in net.modules()])
    print([parameter._backward_hooks for parameter in net.parameters()])


class Counting(TorchFunctionMode):
    calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        Counting.calls += 1
        return func(*args, **(kwargs or {}))


class Own(torch.Tensor):
    pass


with Counting():
    net(torch.ones(2, 3)).sum().backward()
print(Counting.calls, type(torch.ones(2).as_subclass(Own) * 2).__name__, is_tensor_method_or_property(torch.Tensor.add))
print(torch.overrides.has_torch_function((torch.ones(1).as_subclass(Own),)))
print(torch.optim.Optimizer.zero_grad.__name__, torch.optim.Adam.step.__name__, nn.Module.zero_grad.__qualname__)
scripted = torch.jit.script(nn.Linear(2, 2)) if hasattr(torch.jit, "script") else None
exported = torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),))
print(len(list(exported.graph.nodes)))
traced = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
print(traced.code.strip())

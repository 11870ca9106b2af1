"""Signatures, sources, names, documentation and pickles of what a recorder might wrap."""

import inspect
import os
import pickle
import threading

import torch
from torch.optim import SGD, Optimizer

LOOKED_AT = {
    "Tensor.backward": torch.Tensor.backward,
    "autograd.backward": torch.autograd.backward,
    "autograd.grad": torch.autograd.grad,
    "Optimizer.__init__": Optimizer.__init__,
    "Optimizer.zero_grad": Optimizer.zero_grad,
    "Optimizer.step": Optimizer.step,
    "Optimizer.add_param_group": Optimizer.add_param_group,
    "SGD.step": SGD.step,
    "SGD.zero_grad": SGD.zero_grad,
    "Module.zero_grad": torch.nn.Module.zero_grad,
    "Module.__call__": torch.nn.Module.__call__,
    "Module.__init__": torch.nn.Module.__init__,
    "Module.__setattr__": torch.nn.Module.__setattr__,
    "Parameter.__new__": torch.nn.Parameter.__new__,
    "Parameter.__deepcopy__": torch.nn.Parameter.__deepcopy__,
    "Function.apply": torch.autograd.Function.apply,
    "Thread.run": threading.Thread.run,
    "Thread.start": threading.Thread.start,
    "relu": torch.nn.functional.relu,
    "cross_entropy": torch.nn.functional.cross_entropy,
    "manual_seed": torch.manual_seed,
    "detach": torch.Tensor.detach,
    "no_grad": torch.no_grad.__enter__,
    "engine": torch.autograd._engine_run_backward,
}


def looked_at(name, one):
    try:
        signature = str(inspect.signature(one))
    except (TypeError, ValueError) as error:
        signature = type(error).__name__
    try:
        file = inspect.getsourcefile(inspect.unwrap(one))
        source = os.path.basename(file), inspect.getsourcelines(one)[1], len(inspect.getsource(one))
    except (TypeError, OSError) as error:
        source = type(error).__name__
    try:
        again = pickle.loads(pickle.dumps(one)) is one
    except Exception as error:
        again = type(error).__name__
    print(name, signature, source, again, one.__name__, one.__qualname__, getattr(one, "__module__", None))
    print(len(one.__doc__ or ""), inspect.isbuiltin(one), inspect.isfunction(one), inspect.ismethoddescriptor(one))
    bare = inspect.unwrap(one)
    print(bare.__name__, getattr(bare, "__defaults__", 0), getattr(bare, "__kwdefaults__", 0))
    print(sorted(getattr(one, "__annotations__", {})), sorted(getattr(one, "__dict__", {}).keys() - {"__wrapped__"}))


for _ in range(2):
    for name, one in LOOKED_AT.items():
        looked_at(name, one)
    w = torch.ones(2, requires_grad=True)
    optimizer = SGD([w], lr=0.1)
    (w * 2).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    print(pickle.loads(pickle.dumps(optimizer.zero_grad)).__name__, optimizer.step.__func__ is SGD.step)

"""Libraries that import torch's checks for overrides, keep them, pickle them, compare them, and ask them."""

# listed: one mode more on the stack

import inspect
import pickle

import torch
from torch import overrides
from torch.overrides import (
    get_overridable_functions,
    handle_torch_function,
    has_torch_function,
    has_torch_function_unary,
    has_torch_function_variadic,
    is_tensor_like,
)

CHECKS = (has_torch_function, has_torch_function_unary, has_torch_function_variadic)


class Boxed:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__


def double(x):
    if has_torch_function_unary(x):
        return handle_torch_function(double, (x,), x)
    return x * 2


w = torch.ones(3, requires_grad=True)
for _ in range(5):
    now = overrides.has_torch_function, overrides.has_torch_function_unary, overrides.has_torch_function_variadic
    print([one is other for one, other in zip(CHECKS, now)])
    print(
        has_torch_function((w,)), has_torch_function((w, Boxed())), has_torch_function_variadic(w, w), double(Boxed())
    )
    print(
        torch.nn.functional.has_torch_function is has_torch_function,
        torch.functional.has_torch_function is has_torch_function,
    )
    double(w).sum().backward()
print([type(one).__name__ for one in CHECKS], [inspect.isbuiltin(one) for one in CHECKS])
print([pickle.loads(pickle.dumps(one)) is one for one in CHECKS], is_tensor_like(Boxed()), is_tensor_like(w))
print(sum(map(len, get_overridable_functions().values())), len(overrides.get_ignored_functions()))
print(len(overrides.get_testing_overrides()), overrides.resolve_name(torch.Tensor.add))
print(torch.nn.functional.relu.__code__.co_names, torch.nn.functional.softmax.__globals__["has_torch_function_unary"])

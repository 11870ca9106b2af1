"""Custom Functions: setup_context, once_differentiable, vmap, jvp, dirty and non-differentiable outputs, what needs a gradient."""

import torch
from torch.autograd.function import once_differentiable


class Cube(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x**3, 3 * x**2

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0], output[1])
        ctx.save_for_forward(output[1])
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx, g, _):
        print("needs", ctx.needs_input_grad, type(ctx).__name__, len(ctx.saved_tensors))
        return g * ctx.saved_tensors[1]

    @staticmethod
    def jvp(ctx, t):
        return t * ctx.saved_for_forward[0], None


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor, nothing=None):
        ctx.factor = factor
        ctx.mark_dirty(x)
        return x.mul_(factor)

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        print(torch.is_grad_enabled(), ctx.needs_input_grad)
        return g * ctx.factor, None, None


class Batched(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return x.sin()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0].cos()

    @staticmethod
    def vmap(info, in_dims, x):
        print("vmap", info.batch_size, info.randomness, in_dims)
        return x.sin(), in_dims[0]


w = torch.ones(3, requires_grad=True)
for step in range(5):
    y, _ = Cube.apply(w)
    y.sum().backward()
    Once.apply(w * 1, 3.0).sum().backward()
    print(step, w.grad, y.grad_fn.name(), type(y.grad_fn).__mro__[1].__name__, Cube.apply.__qualname__)
    print(
        torch.func.vmap(Batched.apply)(torch.ones(2, 3)),
        torch.func.vmap(torch.func.grad(lambda v: Batched.apply(v).sum()))(torch.ones(2, 3)),
    )
    print(torch.func.jvp(lambda v: Cube.apply(v)[0], (w.detach(),), (torch.ones(3),)))
    slope = torch.autograd.grad(Once.apply(w * 1, 2.0).sum(), w, create_graph=True)[0]
    try:
        slope.sum().backward()
    except RuntimeError as error:
        print(str(error)[:80])
print(torch.autograd.gradcheck(lambda v: Cube.apply(v)[0], torch.ones(2, dtype=torch.double, requires_grad=True)))

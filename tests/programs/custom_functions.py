import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class Scale(Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x * x * factor

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 2 * x * gradient * ctx.factor, None


class Split(Function):
    @staticmethod
    def forward(x):
        return x.sin(), x.cos(), x.argmax()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.mark_non_differentiable(output[2])
        ctx.set_materialize_grads(False)

    @staticmethod
    @once_differentiable
    def backward(ctx, sines, cosines, _):
        (x,) = ctx.saved_tensors
        total = torch.zeros_like(x)
        if sines is not None:
            total = total + sines * x.cos()
        if cosines is not None:
            total = total - cosines * x.sin()
        return total


class AddOne(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.add_(1)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = Scale.apply(x, 3.0)
sines, cosines, _ = Split.apply(y)
z = AddOne.apply(sines * 2)
z.sum().backward(retain_graph=True)
(cosines * x).sum().backward()
(Scale.apply(x, 2.0) * x).sum().backward(create_graph=False)

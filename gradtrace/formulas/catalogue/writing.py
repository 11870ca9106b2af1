"""Leaves, in-place writing, random numbers and Fourier transforms: what else a graph holds."""

from gradtrace.formulas.formula import Formula, GradientTo

GRAPH = (
    Formula(
        op="leaf",
        node_types=("AccumulateGrad",),
        forward="A tensor of your own with requires_grad=True: a parameter, or an input you follow.",
        backward="The gradient that arrives is added to its .grad: created if that was None, accumulated if an earlier pass left one.",
        aliases=("accumulate_grad", "AccumulateGrad"),
    ),
    Formula(
        op="copy_",
        node_types=("CopyBackwards",),
        forward="Overwrites a tensor with the elements of another.",
        backward="The source gets the gradient (summed where it was broadcast); what was overwritten gets zeros.",
        gradients=(GradientTo("self", "0", "torch.zeros_like(self)"), GradientTo("src", "grad", "grad")),
        example="self = tensor([1.0, 2.0])\nsrc = tensor([3.0, 4.0])\nresult = self.clone().copy_(src)",
    ),
    Formula(
        op="copy_slices",
        node_types=("CopySlices",),
        forward="An in-place op wrote into a view, as x[0] = v or x[0].mul_(v) does: the whole tensor now has this node.",
        backward=(
            "The tensor as it was gets the gradient, with the written part replaced by what the op that wrote sends to it (0 when it was "
            "overwritten); what was written gets the written part of the gradient."
        ),
        gradients=(
            GradientTo(
                "base",
                "grad outside the written part, 0 inside (for a plain assignment)",
                "grad.index_fill(0, index, 0)",
            ),
            GradientTo("value", "grad in the written part (for a plain assignment)", "grad[index]"),
        ),
        example="base = tensor([1.0, 2.0, 3.0])\nvalue = tensor([9.0])\nindex = torch.tensor([0])\n"
        "result = (lambda copy: copy[0:1].copy_(value) is None or copy)(base.clone())",
        aliases=("setitem", "CopySlices"),
    ),
    *(
        Formula(
            op=op,
            node_types=node_types,
            forward=forward,
            backward="No gradient gets through: what was there before no longer counts.",
            gradients=(GradientTo("self", "0", "torch.zeros_like(grad)"),),
            example=example,
        )
        for op, node_types, forward, example in (
            (
                "zero_",
                ("ZeroBackward0",),
                "Overwrites a tensor with zeros.",
                "self = tensor([1.0, 2.0])\nresult = self.clone().zero_()",
            ),
            (
                "fill",
                ("FillBackward0", "FillBackward2"),
                "Overwrites a tensor with a number.",
                "self = tensor([1.0, 2.0])\nresult = torch.fill(self, 3.0)",
            ),
            (
                "bernoulli",
                ("BernoulliBackward0",),
                "Draws 0 or 1 for every element, with the element as probability.",
                "self = tensor([0.25, 0.75])\nresult = torch.bernoulli(self)",
            ),
            (
                "normal_",
                ("NormalBackward0",),
                "Overwrites a tensor with normally distributed random numbers.",
                "self = tensor([1.0, 2.0])\nresult = self.clone().normal_()",
            ),
            (
                "uniform_",
                ("UniformBackward0",),
                "Overwrites a tensor with uniformly distributed random numbers.",
                "self = tensor([1.0, 2.0])\nresult = self.clone().uniform_()",
            ),
        )
    ),
)

_TRANSFORM = "dim = [0]\nnormalization = 0\n"

FOURIER = (
    Formula(
        op="fft",
        node_types=("FftC2CBackward0",),
        forward="Takes the Fourier transform of complex numbers.",
        backward="The gradient goes through the transform in the other direction.",
        gradients=(
            GradientTo(
                "self",
                "inverse transform of grad, unscaled",
                "torch.ops.aten._fft_c2c(grad, dim, normalization, not forward)",
            ),
        ),
        example=f"self = torch.complex(tensor([1.0, 2.0]), tensor([0.0, 1.0]))\n{_TRANSFORM}forward = True\n"
        "result = torch.ops.aten._fft_c2c(self, dim, normalization, forward)",
    ),
    Formula(
        op="rfft",
        node_types=("FftR2CBackward0",),
        forward="Takes the Fourier transform of real numbers (the half that determines the rest, if onesided).",
        backward="The gradient, filled up with zeros, goes through the transform in the other direction; the real part is kept.",
        gradients=(
            GradientTo(
                "self",
                "Re(inverse transform of grad, unscaled)",
                "torch.ops.aten._fft_c2c(full, dim, normalization, False).real",
            ),
        ),
        where=(
            (
                "missing",
                (
                    "list(grad.shape[: dim[-1] % self.dim()]) + [self.shape[dim[-1]] - grad.shape[dim[-1]]]"
                    " + list(grad.shape[dim[-1] % self.dim() + 1 :])"
                ),
            ),
            ("full", "torch.cat([grad, grad.new_zeros(missing)], dim[-1])"),
        ),
        example=f"self = tensor([1.0, 2.0, 3.0, 4.0])\n{_TRANSFORM}onesided = True\n"
        "result = torch.ops.aten._fft_r2c(self, dim, normalization, onesided)",
    ),
    Formula(
        op="irfft",
        node_types=("FftC2RBackward0",),
        forward="Takes the inverse Fourier transform to real numbers, from the half that determines the rest.",
        backward="The gradient goes through the transform of real numbers; frequencies that stand for two count twice.",
        gradients=(
            GradientTo(
                "self",
                "transform of grad, doubled where a frequency stands for two",
                "half * double.reshape([-1 if d == dim[-1] % half.dim() else 1 for d in range(half.dim())])",
            ),
        ),
        where=(
            ("half", "torch.ops.aten._fft_r2c(grad, dim, normalization, True)"),
            ("n", "half.shape[dim[-1]]"),
            (
                "double",
                "torch.tensor([2.0 if 0 < i <= grad.shape[dim[-1]] - n else 1.0 for i in range(n)], dtype=grad.dtype)",
            ),
        ),
        example=f"self = torch.complex(tensor([1.0, 2.0, 1.0]), tensor([0.0, 1.0, 0.0]))\n{_TRANSFORM}last_dim_size = 4\n"
        "result = torch.ops.aten._fft_c2r(self, dim, normalization, last_dim_size)",
    ),
)

FORMULAS = (*GRAPH, *FOURIER)

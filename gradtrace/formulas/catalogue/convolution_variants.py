"""Convolutions by other kernels than the usual one."""

from gradtrace.formulas.formula import Formula, GradientTo

_KERNEL = (
    "torch.ops.aten.convolution_backward(grad, {x}, weight, [weight.shape[{out}]], stride, padding, {dilation}, {transposed},"
    " {output_padding}, {groups}, [True, True, True])[{i}]"
)
_CONVOLVES = (
    "As for every convolution: the input gets the gradients of all windows that saw it, weighted as they saw it; the weight gets the "
    "input correlated with the gradient; the bias the sum over all but its channel."
)


def _convolution(
    op: str,
    node_type: str,
    n: int,
    call: str,
    *,
    x: str = "self",
    transposed: bool = False,
    dilated: bool = True,
    extra: str = "",
) -> Formula:
    """A convolution by another kernel than the usual one."""
    output_padding = "output_padding" if transposed or extra else str([0] * n)
    words = {
        "x": x,
        "out": 1 if transposed else 0,
        "dilation": "dilation" if dilated else str([1] * n),
        "transposed": "transposed" if extra else str(transposed),
        "output_padding": output_padding,
        "groups": "groups" if extra else "1",
    }
    maths = ("grad ⋆ᵀ weight (transposed convolution)", f"{x} ⋆ grad (correlation)", "Σ grad over all but the channels")
    ones, zeros = [1] * n, [0] * n
    setup = (
        f"{x} = torch.arange(1.0, {3**n + 1}.0).reshape({[1, 1] + [3] * n})\nweight = torch.arange(1.0, {2**n + 1}.0).reshape({[1, 1] + [2] * n})\n"
        f"bias = tensor([0.5])\nstride = {ones}\npadding = {zeros}\n"
    )
    if dilated:
        setup += f"dilation = {ones}\n"
    if transposed or extra:
        setup += f"output_padding = {zeros}\n"
    return Formula(
        op=op,
        node_types=(node_type,),
        forward=f"Convolves in {n} dimension{'s' * (n > 1)}{', transposed,' * transposed} with a kernel of its own.",
        backward=_CONVOLVES,
        gradients=tuple(
            GradientTo(name, maths[i], _KERNEL.format(i=i, **words)) for i, name in enumerate((x, "weight", "bias"))
        ),
        example=f"{setup}{extra}result = {call}",
    )


FORMULAS = (
    _convolution(
        "convolution",
        "ConvolutionBackward1",
        1,
        "torch._convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, False, False, True, True)",
        x="input",
        extra="transposed = False\ngroups = 1\n",
    ),
    _convolution(
        "mkldnn_convolution",
        "MkldnnConvolutionBackward0",
        2,
        "torch.ops.aten.mkldnn_convolution(self, weight, bias, padding, stride, dilation, 1)",
    ),
    _convolution(
        "slow_conv2d",
        "SlowConv2DBackward0",
        2,
        "torch.ops.aten._slow_conv2d_forward(self, weight, [2, 2], bias, stride, padding)",
        dilated=False,
    ),
    _convolution(
        "nnpack_convolution",
        "NnpackSpatialConvolutionBackward0",
        2,
        "torch._nnpack_spatial_convolution(input, weight, bias, padding, stride)",
        x="input",
        dilated=False,
    ),
    _convolution(
        "slow_conv_dilated2d",
        "SlowConvDilated2DBackward0",
        2,
        "torch.ops.aten.slow_conv_dilated2d(self, weight, [2, 2], bias, stride, padding, dilation)",
    ),
    _convolution(
        "slow_conv3d",
        "SlowConv3DBackward0",
        3,
        "torch.ops.aten.slow_conv3d_forward(self, weight, [2, 2, 2], bias, stride, padding)",
        dilated=False,
    ),
    _convolution(
        "slow_conv_dilated3d",
        "SlowConvDilated3DBackward0",
        3,
        "torch.ops.aten.slow_conv_dilated3d(self, weight, [2, 2, 2], bias, stride, padding, dilation)",
    ),
    _convolution(
        "slow_conv_transpose2d",
        "SlowConvTranspose2DBackward0",
        2,
        "torch.ops.aten.slow_conv_transpose2d(self, weight, [2, 2], bias, stride, padding, output_padding, dilation)",
        transposed=True,
    ),
    _convolution(
        "slow_conv_transpose3d",
        "SlowConvTranspose3DBackward0",
        3,
        "torch.ops.aten.slow_conv_transpose3d(self, weight, [2, 2, 2], bias, stride, padding, output_padding, dilation)",
        transposed=True,
    ),
    Formula(
        op="conv_tbc",
        node_types=("ConvTbcBackward0",),
        forward="Convolves sequences that are laid out as time, batch, channel.",
        backward=_CONVOLVES,
        gradients=(
            GradientTo("self", "grad ⋆ᵀ weight (transposed convolution)", "both[0].permute(2, 0, 1)"),
            GradientTo("weight", "self ⋆ grad (correlation)", "both[1].permute(2, 1, 0)"),
            GradientTo("bias", "Σ grad over time and batch", "grad.sum((0, 1))"),
        ),
        where=(
            (
                "both",
                (
                    "torch.ops.aten.convolution_backward(grad.permute(1, 2, 0), self.permute(1, 2, 0), weight.permute(2, 1, 0), None,"
                    " [1], [pad], [1], False, [0], 1, [True, True, False])"
                ),
            ),
        ),
        example="self = tensor([[[1.0]], [[2.0]], [[3.0]]])\nweight = tensor([[[1.0]], [[-1.0]]])\nbias = tensor([0.5])\npad = 0\n"
        "result = torch.conv_tbc(self, weight, bias, pad)",
    ),
)
"""Each by the kernel of its name."""

"""Second derivatives of layers: the backward passes of convolution and normalisation, when these are differentiated again."""

from gradtrace.formulas.formula import Formula, GradientTo

_AGAIN = "Is the backward pass of {} as an op of its own: create_graph=True records it, so that a gradient can be differentiated again."
_REST = "stride, padding, dilation, transposed, output_padding, groups"

_CONVOLUTION = (
    GradientTo(
        "grad_output",
        "grad₁ ⋆ weight + input ⋆ grad₂ + grad₃, for every channel",
        f"torch.convolution(grads[0], weight, None, {_REST}) + torch.convolution(input, grads[1], None, {_REST})"
        " + grads[2].reshape([1, -1] + [1] * (grad_output.dim() - 2))",
    ),
    GradientTo(
        "input",
        "grad_output ⋆ᵀ grad₂ (transposed convolution)",
        f"torch.ops.aten.convolution_backward(grad_output, input, grads[1], None, {_REST}, [True, False, False])[0]",
    ),
    GradientTo(
        "weight",
        "grad₁ ⋆ grad_output (correlation)",
        f"torch.ops.aten.convolution_backward(grad_output, grads[0], weight, None, {_REST}, [False, True, False])[1]",
    ),
)

_NORMED = (
    "torch.autograd.functional.vjp(lambda {grad_out}, {input}, weight: torch.autograd.functional.vjp(lambda x, w: {normed},"
    " ({input}, weight), {grad_out}, create_graph=True)[1] + ({grad_out}.sum({over}),), ({grad_out}, {input}, weight), tuple(grads[:3]))[1][{i}]"
)


def _normed(normed: str, over: str, names: tuple[str, str] = ("grad_out", "input")) -> tuple[GradientTo, ...]:
    maths = (
        "the gradients of all three, as the layer's own derivative carries them",
        "grad₁ and grad₂ · what mean and variance change with the input",
        "grad_output · the part of grad₁ that the normalisation lets through",
    )
    return tuple(
        GradientTo(
            name,
            maths[i],
            _NORMED.format(grad_out=names[0], input=names[1], normed=normed, over=over, i=i),
        )
        for i, name in enumerate((*names, "weight"))
    )


_OVER_BATCH = "[d for d in range(input.dim()) if d != 1]"
_BATCH_NORM = (
    "(x - x.mean({over}, keepdim=True)) * (x.var({over}, unbiased=False, keepdim=True) + {eps}).rsqrt()"
    " * w.reshape([1, -1] + [1] * (x.dim() - 2))"
)
_NORM_WORDS = (
    "The backward pass depends on the gradient that went in, the input (through mean and variance too) and the weight: "
    "each gets grad₁, grad₂ and grad₃ (those of the gradients of input, weight and bias) times its derivative."
)
_NORM_SETUP = (
    "input = tensor([[1.0], [2.0], [6.0]])\nweight = tensor([2.0])\ngrad_out = tensor([[1.0], [-2.0], [0.5]])\nrunning_mean = None\n"
    "running_var = None\neps = 1e-5\nsave_mean = input.mean(0)\n"
)

FORMULAS = (
    Formula(
        op="convolution_backward",
        node_types=("ConvolutionBackwardBackward0",),
        forward=_AGAIN.format("convolution"),
        backward=(
            "The gradients of input, weight and bias (grad₁, grad₂, grad₃) are all convolutions or sums of what went in, so each "
            "goes back by a convolution of its own."
        ),
        gradients=_CONVOLUTION,
        example="grad_output = tensor([[[1.0, -2.0]]])\ninput = tensor([[[1.0, 2.0, 3.0]]])\nweight = tensor([[[1.0, -1.0]]])\n"
        "bias_sizes = [1]\nstride = [1]\npadding = [0]\ndilation = [1]\ntransposed = False\noutput_padding = [0]\ngroups = 1\n"
        "output_mask = [True, True, True]\n"
        f"result0, result1, result2 = torch.ops.aten.convolution_backward(grad_output, input, weight, bias_sizes, {_REST}, output_mask)",
        twins=("ConvolutionBackwardOverrideableBackward0", "MpsConvolutionBackwardBackward0"),
    ),
    Formula(
        op="slow_conv2d_backward",
        node_types=("SlowConv2DBackwardBackward0",),
        forward=_AGAIN.format("slow_conv2d"),
        backward="As for convolution_backward: each of the three gradients goes back by a convolution of its own.",
        gradients=tuple(
            GradientTo(
                gradient.input.replace("input", "self"),
                gradient.maths.replace("input", "self"),
                (gradient.code or "")
                .replace("input", "self")
                .replace(_REST, "stride, padding, [1, 1], False, [0, 0], 1"),
            )
            for gradient in _CONVOLUTION
        ),
        example="grad_output = tensor([[[[1.0, -2.0]]]])\nself = tensor([[[[1.0, 2.0, 3.0]]]])\nweight = tensor([[[[1.0, -1.0]]]])\n"
        "kernel_size = [1, 2]\nstride = [1, 1]\npadding = [0, 0]\noutput_mask = [True, True, True]\n"
        "result0, result1, result2 = torch.ops.aten._slow_conv2d_backward(grad_output, self, weight, kernel_size, stride, padding, output_mask)",
    ),
    Formula(
        op="batch_norm_backward",
        node_types=("NativeBatchNormBackwardBackward0",),
        forward=_AGAIN.format("batch_norm"),
        backward=_NORM_WORDS,
        gradients=_normed(_BATCH_NORM.format(over=_OVER_BATCH, eps="eps"), _OVER_BATCH),
        example=f"{_NORM_SETUP}save_invstd = (input.var(0, unbiased=False) + eps).rsqrt()\ntrain = True\noutput_mask = [True, True, True]\n"
        "result0, result1, result2 = torch.ops.aten.native_batch_norm_backward("
        "grad_out, input, weight, running_mean, running_var, save_mean, save_invstd, train, eps, output_mask)",
        twins=("CudnnBatchNormBackwardBackward0", "MiopenBatchNormBackwardBackward0"),
    ),
    Formula(
        op="batch_norm_backward",
        node_types=("BatchNormBackwardBackward0",),
        forward=_AGAIN.format("batch_norm"),
        backward=_NORM_WORDS,
        gradients=_normed(_BATCH_NORM.format(over=_OVER_BATCH, eps="eps"), _OVER_BATCH),
        example=f"{_NORM_SETUP}save_var = (input.var(0, unbiased=False) + eps).rsqrt()\nupdate = True\noutput_mask = [True, True, True]\n"
        "reserve = torch.empty(0, dtype=torch.uint8)\n"
        "result0, result1, result2 = torch.ops.aten.batch_norm_backward("
        "grad_out, input, weight, running_mean, running_var, save_mean, save_var, update, eps, output_mask, reserve)",
    ),
    Formula(
        op="layer_norm_backward",
        node_types=("NativeLayerNormBackwardBackward0",),
        forward=_AGAIN.format("layer_norm"),
        backward=_NORM_WORDS,
        gradients=_normed(
            "(x - x.mean(last, keepdim=True)) * (x.var(last, unbiased=False, keepdim=True) + eps).rsqrt() * w", "first"
        ),
        where=(
            ("last", "list(range(-len(normalized_shape), 0))"),
            ("first", "list(range(input.dim() - len(normalized_shape)))"),
            ("eps", "rstd**-2 - input.var(last, unbiased=False, keepdim=True)"),
        ),
        example="grad_out = tensor([[1.0, -2.0, 0.5]])\ninput = tensor([[1.0, 2.0, 6.0]])\nnormalized_shape = [3]\nmean = input.mean(-1, keepdim=True)\n"
        "rstd = (input.var(-1, unbiased=False, keepdim=True) + 1e-5).rsqrt()\nweight = tensor([1.0, 2.0, 1.0])\nbias = tensor([0.0, 0.0, 0.0])\n"
        "output_mask = [True, True, True]\n"
        "result0, result1, result2 = torch.ops.aten.native_layer_norm_backward(grad_out, input, normalized_shape, mean, rstd, weight, bias, output_mask)",
    ),
)
"""Layers whose backward passes have several results."""

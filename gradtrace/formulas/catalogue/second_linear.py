"""Second derivatives of ops that are linear in their input: their backward passes, differentiated again, are the ops."""

from gradtrace.formulas.formula import Formula, GradientTo

_IMAGE = "torch.arange(1.0, 5.0).reshape(1, 1, 2, 2)"
_VOLUME = "torch.arange(1.0, 9.0).reshape(1, 1, 2, 2, 2)"


def _linear(
    of: str, node_type: str, backward: str, code: str, setup: str, *, source: bool = False, name: str = "grad_output"
) -> Formula:
    """The derivative of the backward pass of a linear op.

    Args:
        of: the op.
        node_type: the node.
        backward: the call of its backward as an op.
        code: the op applied to `grad`.
        setup: the arguments of the example.
        source: the backward takes the op's input too, to which nothing flows.
        name: torch's name of the gradient that went in.
    """
    words = "The op is linear in its input, so grad goes through the op itself to the gradient that went in"
    return Formula(
        op=backward.partition("(")[0].strip("_"),
        node_types=(node_type,),
        forward=f"Is the backward pass of {of} as an op of its own: create_graph=True records it, so that a gradient can be differentiated again.",
        backward=f"{words}; the op's input gets 0." if source else f"{words}.",
        gradients=(
            GradientTo(name, f"{of} of grad", code),
            *((GradientTo("self", "0", "torch.zeros_like(self)"),) if source else ()),
        ),
        example=f"{setup}\nresult = torch.ops.aten.{backward}",
    )


def _resampled(op: str, node_type: str, shape: tuple[int, ...], arguments: str, call: str) -> Formula:
    """Resampling from 2 to 4 positions along each dimension."""
    n = len(shape)
    setup = (
        f"grad_output = torch.arange(1.0, {4**n + 1}.0).reshape({[1, 1] + [4] * n})\noutput_size = {[4] * n}\n"
        f"input_size = {[1, 1] + [2] * n}\n{arguments}"
    )
    return _linear(
        op.strip("_"),
        node_type,
        f"{op}_backward(grad_output, output_size, input_size, {call})",
        f"torch.ops.aten.{op}(grad, output_size, {call})",
        setup,
    )


_CORNERS = "align_corners = False\n"
_SCALES = {1: ("scales = None", "scales"), 2: ("scales_h = None\nscales_w = None", "scales_h, scales_w")}
_SCALES[3] = ("scales_d = None\nscales_h = None\nscales_w = None", "scales_d, scales_h, scales_w")

RESAMPLING = tuple(
    _resampled(
        op,
        node_type,
        (2,) * n,
        (_CORNERS if smooth else "") + _SCALES[n][0],
        ("align_corners, " if smooth else "") + _SCALES[n][1],
    )
    for op, node_type, n, smooth in (
        ("upsample_linear1d", "UpsampleLinear1DBackwardBackward0", 1, True),
        ("upsample_bilinear2d", "UpsampleBilinear2DBackwardBackward0", 2, True),
        ("_upsample_bilinear2d_aa", "UpsampleBilinear2DAaBackwardBackward0", 2, True),
        ("upsample_bicubic2d", "UpsampleBicubic2DBackwardBackward0", 2, True),
        ("_upsample_bicubic2d_aa", "UpsampleBicubic2DAaBackwardBackward0", 2, True),
        ("_upsample_lanczos2d_aa", "UpsampleLanczos2DAaBackwardBackward0", 2, True),
        ("upsample_trilinear3d", "UpsampleTrilinear3DBackwardBackward0", 3, True),
        ("upsample_nearest1d", "UpsampleNearest1DBackwardBackward0", 1, False),
        ("upsample_nearest2d", "UpsampleNearest2DBackwardBackward0", 2, False),
        ("upsample_nearest3d", "UpsampleNearest3DBackwardBackward0", 3, False),
        ("_upsample_nearest_exact1d", "UpsampleNearestExact1DBackwardBackward0", 1, False),
        ("_upsample_nearest_exact2d", "UpsampleNearestExact2DBackwardBackward0", 2, False),
        ("_upsample_nearest_exact3d", "UpsampleNearestExact3DBackwardBackward0", 3, False),
    )
)

PADDING = tuple(
    _linear(
        f"{kind}_pad{n}d",
        f"{kind.title()}Pad{n}DBackwardBackward0",
        f"{kind}_pad{n}d_backward(grad_output, self, padding)",
        f"torch.ops.aten.{kind}_pad{n}d(grad, padding)",
        f"self = torch.arange(1.0, {2**n + 1}.0).reshape({[1, 1] + [2] * n})\npadding = {[1, 0] * n}\n"
        f"grad_output = torch.ops.aten.{kind}_pad{n}d(self, padding)",
        source=True,
    )
    for kind in ("reflection", "replication")
    for n in (1, 2, 3)
)

_WINDOW = "kernel_size = {two}\nstride = {two}\npadding = {zero}\nceil_mode = False\n"
_PICKED = "grad.flatten(-{n}).gather(-1, indices.flatten(-{n})).reshape(indices.shape)"


def _windows(n: int) -> str:
    return _WINDOW.format(two=[2] * n, zero=[0] * n)


def _picks(of: str, node_type: str, n: int, arguments: str, setup: str, output: str) -> Formula:
    """Pooling by the largest: the backward remembers which element each output was."""
    image = _IMAGE if n == 2 else _VOLUME  # noqa: PLR2004  images have two dimensions
    return _linear(
        of,
        node_type,
        f"{of}_backward(grad_output, self, {arguments})",
        _PICKED.format(n=n),
        f"self = {image}\n{setup}indices = torch.tensor({output})\ngrad_output = tensor({output.replace('3', '2.0').replace('7', '2.0')})",
        source=True,
    )


_LAST2 = "[[[[3]]]]"
_LAST3 = "[[[[[7]]]]]"

POOLING = (
    *(
        _linear(
            f"avg_pool{n}d",
            f"AvgPool{n}DBackwardBackward0",
            f"avg_pool{n}d_backward(grad_output, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)",
            f"torch.ops.aten.avg_pool{n}d(grad, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)",
            f"self = {image}\n{_windows(n)}count_include_pad = True\ndivisor_override = None\n"
            f"grad_output = tensor({'[' * (n + 2)}2.0{']' * (n + 2)})",
            source=True,
        )
        for n, image in ((2, _IMAGE), (3, _VOLUME))
    ),
    *(
        _linear(
            f"adaptive_avg_pool{n}d",
            f"AdaptiveAvgPool{n}DBackwardBackward0",
            f"_adaptive_avg_pool{n}d_backward(grad_output, self)",
            f"torch.ops.aten._adaptive_avg_pool{n}d(grad, grad_output.shape[-{n}:])",
            f"self = {image}\ngrad_output = tensor({'[' * (n + 2)}2.0{']' * (n + 2)})",
            source=True,
        )
        for n, image in ((2, _IMAGE), (3, _VOLUME))
    ),
    *(
        _picks(
            f"max_pool{n}d_with_indices",
            f"MaxPool{n}DWithIndicesBackwardBackward0",
            n,
            "kernel_size, stride, padding, dilation, ceil_mode, indices",
            f"{_windows(n)}dilation = {[1] * n}\n",
            last,
        )
        for n, last in ((2, _LAST2), (3, _LAST3))
    ),
    *(
        _picks(f"adaptive_max_pool{n}d", f"AdaptiveMaxPool{n}DBackwardBackward0", n, "indices", "", last)
        for n, last in ((2, _LAST2), (3, _LAST3))
    ),
    *(
        _picks(
            f"fractional_max_pool{n}d",
            f"FractionalMaxPool{n}DBackwardBackward0",
            n,
            "kernel_size, output_size, indices",
            f"kernel_size = {[2] * n}\noutput_size = {[1] * n}\n",
            last,
        )
        for n, last in ((2, _LAST2), (3, _LAST3))
    ),
)

PLACES = (
    _linear(
        "diagonal",
        "DiagonalBackwardBackward0",
        "diagonal_backward(grad_output, input_sizes, offset, dim1, dim2)",
        "grad.diagonal(offset, dim1, dim2)",
        "grad_output = tensor([1.0, 2.0])\ninput_sizes = [2, 2]\noffset = 0\ndim1 = 0\ndim2 = 1",
    ),
    _linear(
        "select",
        "SelectBackwardBackward0",
        "select_backward(grad_output, input_sizes, dim, index)",
        "grad.select(dim, index)",
        "grad_output = tensor([1.0, 2.0])\ninput_sizes = [2, 2]\ndim = 0\nindex = 1",
    ),
    _linear(
        "slice",
        "SliceBackwardBackward0",
        "slice_backward(grad_output, input_sizes, dim, start, end, step)",
        "torch.ops.aten.slice(grad, dim, start, end, step)",
        "grad_output = tensor([1.0, 2.0])\ninput_sizes = [4]\ndim = 0\nstart = 1\nend = 3\nstep = 1",
    ),
    _linear(
        "unfold",
        "UnfoldBackwardBackward0",
        "unfold_backward(grad_in, input_sizes, dim, size, step)",
        "grad.unfold(dim, size, step)",
        "grad_in = tensor([[1.0, 2.0], [3.0, 4.0]])\ninput_sizes = [3]\ndim = 0\nsize = 2\nstep = 1",
        name="grad_in",
    ),
    _linear(
        "embedding",
        "EmbeddingDenseBackwardBackward0",
        "embedding_dense_backward(grad_output, indices, num_weights, padding_idx, scale_grad_by_freq)",
        "grad[indices] * (indices != padding_idx).unsqueeze(-1)",
        "grad_output = tensor([[1.0, 2.0], [3.0, 4.0]])\nindices = torch.tensor([2, 0])\nnum_weights = 3\npadding_idx = -1\n"
        "scale_grad_by_freq = False",
    ),
    Formula(
        op="masked_scatter_backward",
        node_types=("MaskedScatterBackwardBackward0",),
        forward="Is the backward pass of masked_scatter to its source: it collects the gradient at the positions of the mask.",
        backward="Each collected element gives its gradient back to the position that it came from; the other positions get 0.",
        gradients=(
            GradientTo(
                "grad_output",
                "grad at the positions of mask, else 0",
                "torch.zeros_like(grad_output).masked_scatter(mask, grad)",
            ),
        ),
        example="grad_output = tensor([1.0, 2.0, 3.0])\nmask = torch.tensor([True, False, True])\nsizes = [2]\n"
        "result = torch.ops.aten.masked_scatter_backward(grad_output, mask, sizes)",
    ),
)

FORMULAS = (*RESAMPLING, *PADDING, *POOLING, *PLACES)
"""Each with the op itself."""

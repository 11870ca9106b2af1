"""Convolution, pooling and resampling of images and signals."""

from gradtrace.formulas.formula import Formula, GradientTo


def _kernel(op: str, forward: str, backward: str, maths: str, code: str, example: str, node_type: str) -> Formula:
    """Ops whose gradient torch computes in a kernel of its own, named after the op."""
    return Formula(
        op=op,
        node_types=(node_type,),
        forward=forward,
        backward=backward,
        gradients=(GradientTo("self", maths, code),),
        example=example,
    )


_CONVOLVED = (
    "torch.ops.aten.convolution_backward(grad, input, weight, None if bias is None else list(bias.shape),"
    " stride, padding, dilation, transposed, output_padding, groups, [True, True, False])"
)

CONVOLUTION = (
    Formula(
        op="convolution",
        node_types=("ConvolutionBackward0",),
        forward="Slides kernels over the input: each output is a weighted sum of a window, plus a bias for its channel.",
        backward=(
            "The input gets, at each position, the gradients of all windows that saw it, weighted as they saw it (a transposed convolution); "
            "the weight gets the input correlated with the gradient; the bias the sum over all but its channel."
        ),
        gradients=(
            GradientTo("input", "grad ⋆ᵀ weight (transposed convolution)", f"{_CONVOLVED}[0]"),
            GradientTo("weight", "input ⋆ grad (correlation)", f"{_CONVOLVED}[1]"),
            GradientTo(
                "bias", "Σ grad over all but the channels", "grad.sum([d for d in range(grad.dim()) if d != 1])"
            ),
        ),
        example="input = tensor([[[1.0, 2.0, 3.0]]])\nweight = tensor([[[1.0, -1.0]]])\nbias = tensor([0.5])\nstride = [1]\n"
        "padding = [0]\ndilation = [1]\ntransposed = False\noutput_padding = [0]\ngroups = 1\n"
        "result = torch.convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)",
        twins=(
            "CudnnConvolutionBackward0",
            "CudnnConvolutionTransposeBackward0",
            "MiopenConvolutionBackward0",
            "MiopenConvolutionTransposeBackward0",
            "MiopenDepthwiseConvolutionBackward0",
            "MpsConvolutionBackward0",
            "MpsConvolutionTransposeBackward0",
            "ConvDepthwise2DBackward0",
            "ConvDepthwise3DBackward0",
            "ConvolutionOverrideableBackward0",
        ),
        aliases=("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    ),
    _kernel(
        "unfold",
        "Copies every window of an image into a column.",
        "Each column's gradient is added back at the position of its window; where windows overlap, gradients add up.",
        "fold(grad)",
        "F.fold(grad, self.shape[-2:], kernel_size, dilation, padding, stride)",
        "self = torch.arange(1.0, 5.0).reshape(1, 1, 2, 2)\nkernel_size = [1, 2]\ndilation = [1, 1]\npadding = [0, 0]\nstride = [1, 1]\n"
        "result = F.unfold(self, kernel_size, dilation, padding, stride)",
        "Im2ColBackward0",
    ),
    _kernel(
        "fold",
        "Adds columns of windows back into an image.",
        "Each column gets the gradient of its window.",
        "unfold(grad)",
        "F.unfold(grad, kernel_size, dilation, padding, stride)",
        "self = torch.arange(1.0, 5.0).reshape(1, 2, 2)\noutput_size = [2, 2]\nkernel_size = [1, 2]\ndilation = [1, 1]\npadding = [0, 0]\n"
        "stride = [1, 1]\nresult = F.fold(self, output_size, kernel_size, dilation, padding, stride)",
        "Col2ImBackward0",
    ),
)


def _max_pool(op: str, node_type: str, n: int, example: str) -> Formula:
    return Formula(
        op=op,
        node_types=(node_type,),
        forward="Takes the largest element of every window, and remembers where it was.",
        backward="Each element of the gradient goes to the position of the maximum; the rest of the window gets none.",
        gradients=(
            GradientTo(
                "self",
                "Σ grad of the windows whose maximum it was",
                f"torch.zeros_like(self).flatten(-{n}).scatter_add(-1, result1.flatten(-{n}), grad.flatten(-{n}))"
                ".reshape(self.shape)",
            ),
        ),
        example=example,
        aliases=(f"max_pool{n}d", *(("max_pool1d",) if n == 2 and "adaptive" not in op else ())),  # noqa: PLR2004 - 1d runs as 2d
    )


_IMAGE = "self = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)\n"
_BLOCK = "self = torch.arange(1.0, 9.0).reshape(1, 1, 2, 2, 2)\n"

POOLING = (
    _max_pool(
        "max_pool2d_with_indices",
        "MaxPool2DWithIndicesBackward0",
        2,
        _IMAGE + "kernel_size = 2\nresult0, result1 = torch.ops.aten.max_pool2d_with_indices(self, kernel_size)",
    ),
    _max_pool(
        "max_pool3d_with_indices",
        "MaxPool3DWithIndicesBackward0",
        3,
        _BLOCK + "kernel_size = 2\nresult0, result1 = torch.ops.aten.max_pool3d_with_indices(self, kernel_size)",
    ),
    _max_pool(
        "adaptive_max_pool2d",
        "AdaptiveMaxPool2DBackward0",
        2,
        _IMAGE + "output_size = [2, 2]\nresult0, result1 = torch.ops.aten.adaptive_max_pool2d(self, output_size)",
    ),
    _max_pool(
        "adaptive_max_pool3d",
        "AdaptiveMaxPool3DBackward0",
        3,
        _BLOCK + "output_size = [1, 1, 1]\nresult0, result1 = torch.ops.aten.adaptive_max_pool3d(self, output_size)",
    ),
    *(
        _kernel(
            f"avg_pool{n}d",
            "Averages every window.",
            "Each element gets, from every window that holds it, the gradient divided by the number of elements averaged.",
            "Σ grad / n over the windows that hold it",
            f"torch.ops.aten.avg_pool{n}d_backward(grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad,"
            " divisor_override)",
            f"{setup}kernel_size = {[2] * n}\nstride = {[2] * n}\npadding = {[0] * n}\nceil_mode = False\n"
            f"count_include_pad = True\ndivisor_override = None\nresult = F.avg_pool{n}d(self, kernel_size)",
            f"AvgPool{n}DBackward0",
        )
        for n, setup in ((2, _IMAGE), (3, _BLOCK))
    ),
    *(
        _kernel(
            f"adaptive_avg_pool{n}d",
            "Averages windows chosen so that the result has the size asked for.",
            "Each element gets, from every window that holds it, the gradient divided by the number of elements averaged.",
            "Σ grad / n over the windows that hold it",
            f"torch.ops.aten._adaptive_avg_pool{n}d_backward(grad, self)",
            f"{setup}output_size = {size}\nresult = torch.ops.aten._adaptive_avg_pool{n}d(self, output_size)",
            f"AdaptiveAvgPool{n}DBackward0",
        )
        for n, setup, size in ((2, _IMAGE, [2, 2]), (3, _BLOCK, [1, 1, 2]))
    ),
    *(
        _kernel(
            f"max_unpool{n}d",
            "Writes elements back to the positions of former maxima, in zeros.",
            "Each element gets the gradient from the position it was written to.",
            "grad at indices",
            f"grad.flatten(-{n}).gather(-1, indices.flatten(-{n})).reshape(self.shape)",
            example,
            f"MaxUnpool{n}DBackward0",
        )
        for n, example in (
            (
                2,
                (
                    "self = tensor([[[[5.0]]]])\nindices = torch.tensor([[[[3]]]])\noutput_size = [2, 2]\n"
                    "result = torch.ops.aten.max_unpool2d(self, indices, output_size)"
                ),
            ),
            (
                3,
                (
                    "self = tensor([[[[[5.0]]]]])\nindices = torch.tensor([[[[[3]]]]])\noutput_size = [2, 2, 2]\n"
                    "result = torch.ops.aten.max_unpool3d(self, indices, output_size, [2, 2, 2], [0, 0, 0])"
                ),
            ),
        )
    ),
)


def _upsample(op: str, node_type: str, how: str, n: int, has_corners: bool) -> Formula:
    scales = {1: "scales", 2: "scales_h, scales_w", 3: "scales_d, scales_h, scales_w"}[n]
    corners = "align_corners, " if has_corners else ""
    names = scales.split(", ")
    return _kernel(
        op,
        f"Resizes by {how}.",
        "Each element gets the gradients of the new pixels it went into, weighted as it went into them.",
        "Σ grad · weight of the element in the new pixel",
        f"torch.ops.aten.{op}_backward(grad, output_size, self.shape, {corners}{scales})",
        f"self = torch.arange(1.0, {2**n + 1}).reshape(1, 1{', 2' * n})\noutput_size = {[3] * n}\n"
        + ("align_corners = False\n" if has_corners else "")
        + "".join(f"{name} = None\n" for name in names)
        + f"result = torch.ops.aten.{op}(self, output_size, {corners}{scales})",
        node_type,
    )


RESAMPLING = (
    *(
        _upsample(f"upsample_nearest{n}d", f"UpsampleNearest{n}DBackward0", "copying the nearest pixel", n, False)
        for n in (1, 2, 3)
    ),
    *(
        _upsample(
            f"_upsample_nearest_exact{n}d",
            f"UpsampleNearestExact{n}DBackward0",
            "copying the nearest pixel (centres compared)",
            n,
            False,
        )
        for n in (1, 2, 3)
    ),
    _upsample("upsample_linear1d", "UpsampleLinear1DBackward0", "linear interpolation", 1, True),
    _upsample("upsample_bilinear2d", "UpsampleBilinear2DBackward0", "bilinear interpolation", 2, True),
    _upsample("upsample_trilinear3d", "UpsampleTrilinear3DBackward0", "trilinear interpolation", 3, True),
    _upsample("upsample_bicubic2d", "UpsampleBicubic2DBackward0", "bicubic interpolation", 2, True),
    *(
        Formula(
            op=f"grid_sampler_{n}d",
            node_types=(f"GridSampler{n}DBackward0",),
            forward="Samples an image at the positions of a grid, interpolating between pixels.",
            backward=(
                "Each pixel gets the gradients of the samples it went into, by its weight; each grid point gets the gradient times "
                "the slope of the image at its position."
            ),
            gradients=(
                GradientTo(
                    "input",
                    "Σ grad · weight of the pixel in the sample",
                    f"torch.ops.aten.grid_sampler_{n}d_backward(grad, input, grid, interpolation_mode, padding_mode,"
                    " align_corners, [True, True])[0]",
                ),
                GradientTo(
                    "grid",
                    "Σ grad · slope of input at the position",
                    f"torch.ops.aten.grid_sampler_{n}d_backward(grad, input, grid, interpolation_mode, padding_mode,"
                    " align_corners, [True, True])[1]",
                ),
            ),
            example=f"input = torch.arange(1.0, {2**n + 1}).reshape(1, 1{', 2' * n})\n"
            f"grid = torch.full((1{', 1' * n}, {n}), 0.25)\ninterpolation_mode = 0\npadding_mode = 0\nalign_corners = False\n"
            f"result = torch.grid_sampler_{n}d(input, grid, interpolation_mode, padding_mode, align_corners)",
            aliases=("grid_sample",),
            twins=twins,
        )
        for n, twins in ((2, ("CudnnGridSamplerBackward0",)), (3, ()))
    ),
)

FORMULAS = (*CONVOLUTION, *POOLING, *RESAMPLING)

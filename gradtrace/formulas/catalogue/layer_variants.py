"""Further layers: pooling, resampling, normalisation, masked softmax, weight norm."""

from gradtrace.formulas.formula import Formula, GradientTo

_PICKS = "torch.zeros_like(self).flatten(-{n}).scatter_add(-1, result1.flatten(-{n}), grad.flatten(-{n})).reshape(self.shape)"
_LARGEST = "The largest element of each window gets the gradient, the others 0."
_IMAGE = "self = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)\n"

POOLING = (
    *(
        Formula(
            op=f"fractional_max_pool{n}d",
            node_types=(f"FractionalMaxPool{n}DBackward0",),
            forward="Takes the largest element of windows whose borders are drawn at random.",
            backward=_LARGEST,
            gradients=(GradientTo("self", "grad where it was the largest, else 0", _PICKS.format(n=n)),),
            example=f"self = torch.arange(1.0, {4**n + 1}.0).reshape({[1, 1] + [4] * n})\nkernel_size = {[2] * n}\noutput_size = {[2] * n}\n"
            f"random_samples = torch.full((1, 1, {n}), 0.5)\n"
            f"result0, result1 = torch.ops.aten.fractional_max_pool{n}d(self, kernel_size, output_size, random_samples)",
        )
        for n in (2, 3)
    ),
    Formula(
        op="mkldnn_max_pool2d",
        node_types=("MkldnnMaxPool2DBackward0",),
        forward="Takes the largest element of each window, by the kernel of oneDNN.",
        backward=_LARGEST,
        gradients=(
            GradientTo(
                "self",
                "grad where it was the largest, else 0",
                "torch.autograd.functional.vjp(lambda x: F.max_pool2d(x, kernel_size, stride, padding, dilation), self, grad)[1]",
            ),
        ),
        example=f"{_IMAGE}kernel_size = [2, 2]\nstride = [2, 2]\npadding = [0, 0]\ndilation = [1, 1]\n"
        "result = torch.ops.aten.mkldnn_max_pool2d(self.to_mkldnn(), kernel_size, stride, padding, dilation).to_dense()",
    ),
    Formula(
        op="mkldnn_max_pool3d",
        node_types=("MkldnnMaxPool3DBackward0",),
        forward="Takes the largest element of each window of a volume, by the kernel of oneDNN.",
        backward=_LARGEST,
        gradients=(
            GradientTo(
                "self",
                "grad where it was the largest, else 0",
                "torch.autograd.functional.vjp(lambda x: F.max_pool3d(x, kernel_size, stride, padding, dilation), self, grad)[1]",
            ),
        ),
        example="self = torch.arange(1.0, 9.0).reshape(1, 1, 2, 2, 2)\nkernel_size = [2, 2, 2]\nstride = [2, 2, 2]\npadding = [0, 0, 0]\n"
        "dilation = [1, 1, 1]\n"
        "result = torch.ops.aten.mkldnn_max_pool3d(self.to_mkldnn(), kernel_size, stride, padding, dilation).to_dense()",
    ),
    Formula(
        op="mkldnn_adaptive_avg_pool2d",
        node_types=("MkldnnAdaptiveAvgPool2DBackward0",),
        forward="Averages windows that divide an image evenly, by the kernel of oneDNN.",
        backward="Every element of a window gets an equal share of its gradient.",
        gradients=(
            GradientTo(
                "self",
                "grad / size of the window",
                "torch.autograd.functional.vjp(lambda x: F.adaptive_avg_pool2d(x, output_size), self, grad)[1]",
            ),
        ),
        example=f"{_IMAGE}output_size = [2, 2]\n"
        "result = torch.ops.aten.mkldnn_adaptive_avg_pool2d(self.to_mkldnn(), output_size).to_dense()",
    ),
    Formula(
        op="mkldnn_linear",
        node_types=("MkldnnLinearBackward0",),
        forward="Multiplies by a weight matrix, transposed, and adds a bias, by the kernel of oneDNN.",
        backward="As for linear: the input gets gradient · weight, the weight gradientᵀ · input, the bias the sum over the batch.",
        gradients=(
            GradientTo("self", "grad · weight", "grad @ weight"),
            GradientTo("weight", "gradᵀ · self", "grad.mT @ self"),
            GradientTo("bias", "Σ grad over the batch", "grad.sum(0)"),
        ),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\nweight = tensor([[1.0, 0.5]])\nbias = tensor([0.5])\n"
        "result = torch.ops.aten.mkldnn_linear(self.to_mkldnn(), weight, bias).to_dense()",
    ),
    Formula(
        op="multilabel_margin_loss",
        node_types=("MultilabelMarginLossBackward0",),
        forward="Averages how far the scores of the right classes fall short of beating each other class by 1.",
        backward="For each pair that falls short the wrong class gets grad / n, the right one minus that.",
        gradients=(
            GradientTo(
                "self",
                "± grad / n for each pair of a right and a wrong class closer than 1",
                "torch.ops.aten.multilabel_margin_loss_backward(grad, self, target, reduction, is_target)",
            ),
        ),
        example="self = tensor([[0.5, 0.25, 1.0]])\ntarget = torch.tensor([[2, -1, -1]])\nreduction = 1\n"
        "output, is_target = torch.ops.aten.multilabel_margin_loss_forward(self, target, reduction)",
    ),
)

RESAMPLING = tuple(
    Formula(
        op=f"upsample_{kind}_aa",
        node_types=(node_type,),
        forward=f"Resizes an image by {kind.replace('2d', '')} interpolation with antialiasing: when it shrinks, all pixels count.",
        backward="Every pixel of the input gets the gradients of the pixels that it went into, with the same weights.",
        gradients=(
            GradientTo(
                "self",
                "the transposed resampling of grad",
                f"torch.ops.aten._upsample_{kind}_aa_backward(grad, output_size, self.shape, align_corners, scales_h, scales_w)",
            ),
        ),
        example="self = torch.arange(1.0, 5.0).reshape(1, 1, 2, 2)\noutput_size = [3, 3]\nalign_corners = False\nscales_h = None\nscales_w = None\n"
        f"result = torch.ops.aten._upsample_{kind}_aa(self, output_size, align_corners, scales_h, scales_w)",
    )
    for kind, node_type in (
        ("bilinear2d", "UpsampleBilinear2DAaBackward0"),
        ("bicubic2d", "UpsampleBicubic2DAaBackward0"),
        ("lanczos2d", "UpsampleLanczos2DAaBackward0"),
    )
)

_EVALUATED = (
    ("row", "[-1 if d == 1 else 1 for d in range(input.dim())]"),
    ("over", "[d for d in range(input.dim()) if d != 1]"),
    ("invstd", "(running_var + eps).rsqrt().reshape(row)"),
    ("xhat", "(input - running_mean.reshape(row)) * invstd"),
)

_TRAINED = (
    ("row", "[-1 if d == 1 else 1 for d in range(input.dim())]"),
    ("over", "[d for d in range(input.dim()) if d != 1]"),
    ("xhat", "(input - result1.reshape(row)) * result2.reshape(row)"),
    ("g", "grad if weight is None else grad * weight.reshape(row)"),
)

NORMALISATION = (
    *(
        Formula(
            op="batch_norm",
            node_types=(node_type,),
            forward=f"Normalises every channel by mean and variance of the batch, then scales and shifts{tail}.",
            backward=(
                "The input gets the gradient (times weight) with its mean, and its part along the normalised input, taken away, divided by "
                "the standard deviation: it also moved mean and variance. The weight gets Σ gradient · normalised input, the bias Σ gradient."
            ),
            gradients=(
                GradientTo(
                    "input",
                    "(g - mean(g) - x̂ · mean(g · x̂)) / σ   with g = grad · weight",
                    "(g - g.mean(over, keepdim=True) - xhat * (g * xhat).mean(over, keepdim=True)) * result2.reshape(row)",
                ),
                GradientTo("weight", "Σ grad · x̂", "(grad * xhat).sum(over)"),
                GradientTo("bias", "Σ grad", "grad.sum(over)"),
            ),
            where=_TRAINED,
            example=f"input = tensor([[1.0], [2.0], [6.0]])\nweight = tensor([2.0])\nbias = tensor([0.0])\n{setup}momentum = 0.1\neps = 1e-5\n{call}",
        )
        for node_type, tail, setup, call in (
            (
                "NativeBatchNormLegitBackward1",
                ", without running means",
                "training = True\n",
                "result0, result1, result2 = torch.ops.aten._native_batch_norm_legit.no_stats(input, weight, bias, training, momentum, eps)",
            ),
            (
                "BatchNormWithUpdateBackward0",
                ", and updates the running means",
                "running_mean = torch.tensor([0.0])\nrunning_var = torch.tensor([1.0])\n",
                "result0, result1, result2, result3 = torch.ops.aten._batch_norm_with_update(input, weight, bias, running_mean, running_var, momentum, eps)",
            ),
        )
    ),
    *(
        Formula(
            op="batch_norm",
            node_types=(node_type,),
            forward="Normalises every channel by the running mean and variance, as in evaluation, then scales and shifts.",
            backward="Mean and variance are constants here, so the input gets the gradient times weight / standard deviation.",
            gradients=(
                GradientTo(
                    "input", "grad · weight / σ", "grad * (1 if weight is None else weight.reshape(row)) * invstd"
                ),
                GradientTo("weight", "Σ grad · x̂", "(grad * xhat).sum(over)"),
                GradientTo("bias", "Σ grad", "grad.sum(over)"),
            ),
            where=_EVALUATED,
            example="input = tensor([[1.0], [2.0], [6.0]])\nweight = tensor([2.0])\nbias = tensor([0.0])\nrunning_mean = torch.tensor([1.0])\n"
            f"running_var = torch.tensor([4.0])\nmomentum = 0.1\neps = 1e-5\n{call}",
        )
        for node_type, call in (
            (
                "NativeBatchNormLegitNoTrainingBackward0",
                (
                    "result0, result1, result2 = torch.ops.aten._native_batch_norm_legit_no_training("
                    "input, weight, bias, running_mean, running_var, momentum, eps)"
                ),
            ),
            (
                "BatchNormNoUpdateBackward0",
                (
                    "result0, result1, result2, result3 = torch.ops.aten._batch_norm_no_update("
                    "input, weight, bias, running_mean, running_var, momentum, eps)"
                ),
            ),
        )
    ),
    Formula(
        op="rms_norm",
        node_types=(),
        forward="Divides by the root mean square of the last dimensions, then scales by weight.",
        backward=(
            "The input gets the gradient (times weight) with its part along the normalised input taken away, divided by the root mean "
            "square; the weight gets Σ gradient · normalised input."
        ),
        gradients=(
            GradientTo(
                "input",
                "(g - x̂ · mean(g · x̂)) / rms   with g = grad · weight",
                "(g - xhat * (g * xhat).mean(last, keepdim=True)) * result1",
            ),
            GradientTo("weight", "Σ grad · x̂", "(grad * xhat).sum_to_size(tuple(normalized_shape))"),
        ),
        where=(
            ("last", "list(range(-len(normalized_shape), 0))"),
            ("xhat", "input * result1"),
            ("g", "grad if weight is None else grad * weight"),
        ),
        example="input = tensor([[1.0, 2.0, 6.0]])\nnormalized_shape = [3]\nweight = tensor([1.0, 2.0, 1.0])\neps = 1e-5\n"
        "result0, result1 = torch.ops.aten._fused_rms_norm(input, normalized_shape, weight, eps)",
        made_of=("pow", "mean", "add", "rsqrt", "mul"),
        twins=("FusedRmsNormBackward0",),
        aliases=("fused_rms_norm",),
    ),
    Formula(
        op="weight_norm",
        node_types=("WeightNormInterfaceBackward0",),
        forward="Makes a weight of a direction v and a length g: g · v / |v|.",
        backward="The length gets the part of the gradient along the direction; the direction gets the rest, times g / |v|.",
        gradients=(
            GradientTo(
                "v",
                "g / |v| · (grad - v · Σ(grad · v) / |v|²)",
                "g / length * (grad - v * (grad * v).sum(over, keepdim=True) / length**2)",
            ),
            GradientTo("g", "Σ grad · v / |v|", "(grad * v / length).sum(over, keepdim=True).reshape(g.shape)"),
        ),
        where=(
            ("over", "[d for d in range(v.dim()) if d != dim % v.dim()]"),
            ("length", "torch.linalg.vector_norm(v, 2, over, keepdim=True)"),
        ),
        example="v = tensor([[3.0, 4.0], [1.0, 0.0]])\ng = tensor([[2.0], [1.0]])\ndim = 0\n"
        "result0, result1 = torch._weight_norm_interface(v, g, dim)",
        aliases=("weight_norm_interface",),
    ),
    Formula(
        op="masked_softmax",
        node_types=("MaskedSoftmaxBackward0",),
        forward="Takes the softmax over the positions that the mask leaves; masked ones become 0.",
        backward="As for softmax, over the positions that were left; masked ones get 0.",
        gradients=(
            GradientTo(
                "self",
                "result · (grad - Σ grad · result)",
                "result * (grad - (grad * result).sum(-1 if dim is None else dim, keepdim=True))",
            ),
        ),
        example="self = tensor([[1.0, 2.0, 3.0]])\nmask = torch.tensor([[False, True, False]])\ndim = 1\nmask_type = 2\n"
        "result = torch.ops.aten._masked_softmax(self, mask, dim, mask_type)",
    ),
    Formula(
        op="grid_sampler_2d",
        node_types=("GridSampler2DCpuFallbackBackward0",),
        forward="Reads an image at the positions of a grid, between its pixels, by the plain kernel for processors.",
        backward=(
            "Each pixel gets the gradients of the positions that read it, with the same weights; each position of the grid gets the gradient "
            "times how the value read changes when it moves."
        ),
        gradients=tuple(
            GradientTo(
                name,
                maths,
                "torch.ops.aten.grid_sampler_2d_backward(grad, input, grid, interpolation_mode, padding_mode, align_corners, [True, True])"
                f"[{i}]",
            )
            for i, (name, maths) in enumerate(
                (("input", "grad, spread over the pixels read"), ("grid", "grad · slope of the image at each position"))
            )
        ),
        example="input = torch.arange(1.0, 5.0).reshape(1, 1, 2, 2)\ngrid = tensor([[[[0.25, -0.25]]]])\ninterpolation_mode = 0\npadding_mode = 0\n"
        "align_corners = True\n"
        "result = torch.ops.aten._grid_sampler_2d_cpu_fallback(input, grid, interpolation_mode, padding_mode, align_corners)",
    ),
)

FORMULAS = (*POOLING, *RESAMPLING, *NORMALISATION)
"""By kind of layer."""

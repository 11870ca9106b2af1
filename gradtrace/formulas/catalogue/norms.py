"""Normalisation layers."""

from gradtrace.formulas.formula import Formula, GradientTo

_THREE_PATHS = (
    "The input gets the gradient (times weight) with its mean, and its part along the normalised input, taken away, divided by the "
    "standard deviation: x also moved mean and variance. "
)

FORMULAS = (
    Formula(
        op="batch_norm",
        node_types=(
            "NativeBatchNormBackward0",
            "NativeBatchNormLegitBackward0",
        ),
        forward="Normalises every channel over the batch to mean 0 and variance 1, then scales by weight and shifts by bias.",
        backward=(
            _THREE_PATHS + "In evaluation mode mean and variance are constants, and it is only scaled. "
            "The weight gets Σ gradient · normalised input, the bias Σ gradient, over all but the channels."
        ),
        gradients=(
            GradientTo(
                "input",
                "(g - mean(g) - x̂ · mean(g · x̂)) / σ   with g = grad · weight",
                "(g - g.mean(over, keepdim=True) - xhat * (g * xhat).mean(over, keepdim=True)) * invstd"
                " if training else g * invstd",
            ),
            GradientTo("weight", "Σ grad · x̂", "(grad * xhat).sum(over)"),
            GradientTo("bias", "Σ grad", "grad.sum(over)"),
        ),
        where=(
            ("over", "[d for d in range(input.dim()) if d != 1]"),
            ("row", "[-1 if d == 1 else 1 for d in range(input.dim())]"),
            ("mean", "(result1 if training else running_mean).reshape(row)"),
            ("invstd", "(result2 if training else (running_var + eps).rsqrt()).reshape(row)"),
            ("xhat", "(input - mean) * invstd"),
            ("g", "grad if weight is None else grad * weight.reshape(row)"),
        ),
        example="input = tensor([[1.0], [2.0], [6.0]])\nweight = tensor([2.0])\nbias = tensor([0.0])\n"
        "running_mean = None\nrunning_var = None\ntraining = True\nmomentum = 0.1\neps = 1e-5\n"
        "result0, result1, result2 = torch.native_batch_norm("
        "input, weight, bias, running_mean, running_var, training, momentum, eps)",
        twins=(
            "CudnnBatchNormBackward0",
            "MiopenBatchNormBackward0",
        ),
        aliases=("instance_norm",),
    ),
    Formula(
        op="layer_norm",
        node_types=("NativeLayerNormBackward0",),
        forward="Normalises the last dimensions of every sample to mean 0 and variance 1, then scales by weight and shifts by bias.",
        backward=_THREE_PATHS + "The weight gets Σ gradient · normalised input, the bias Σ gradient, over all samples.",
        gradients=(
            GradientTo(
                "input",
                "(g - mean(g) - x̂ · mean(g · x̂)) / σ   with g = grad · weight",
                "(g - g.mean(last, keepdim=True) - xhat * (g * xhat).mean(last, keepdim=True)) * result2",
            ),
            GradientTo("weight", "Σ grad · x̂", "(grad * xhat).sum_to_size(tuple(normalized_shape))"),
            GradientTo("bias", "Σ grad", "grad.sum_to_size(tuple(normalized_shape))"),
        ),
        where=(
            ("last", "list(range(-len(normalized_shape), 0))"),
            ("xhat", "(input - result1) * result2"),
            ("g", "grad if weight is None else grad * weight"),
        ),
        example="input = tensor([[1.0, 2.0, 6.0]])\nnormalized_shape = [3]\nweight = tensor([1.0, 2.0, 1.0])\n"
        "bias = tensor([0.0, 0.0, 0.0])\neps = 1e-5\n"
        "result0, result1, result2 = torch.native_layer_norm(input, normalized_shape, weight, bias, eps)",
    ),
    Formula(
        op="group_norm",
        node_types=("NativeGroupNormBackward0",),
        forward="Normalises every group of channels of every sample to mean 0 and variance 1, then scales and shifts each channel.",
        backward=_THREE_PATHS
        + "The weight gets Σ gradient · normalised input, the bias Σ gradient, over all but the channels.",
        gradients=(
            GradientTo(
                "input",
                "(g - mean(g) - x̂ · mean(g · x̂)) / σ   with g = grad · weight",
                "((g - g.mean(-1, keepdim=True) - xhat * (g * xhat).mean(-1, keepdim=True)) * rstd).reshape(input.shape)",
            ),
            GradientTo("weight", "Σ grad · x̂", "(grad.reshape(N, C, HxW) * xhat.reshape(N, C, HxW)).sum((0, 2))"),
            GradientTo("bias", "Σ grad", "grad.reshape(N, C, HxW).sum((0, 2))"),
        ),
        where=(
            ("rstd", "result2.reshape(N, group, 1)"),
            ("xhat", "(input.reshape(N, group, C * HxW // group) - result1.reshape(N, group, 1)) * rstd"),
            (
                "g",
                "(grad.reshape(N, C, HxW) * (1 if weight is None else weight.reshape(1, C, 1))).reshape(N, group, C * HxW // group)",
            ),
        ),
        example="input = tensor([[[1.0, 2.0], [3.0, 6.0]]])\nweight = tensor([1.0, 2.0])\nbias = tensor([0.0, 0.0])\n"
        "N = 1\nC = 2\nHxW = 2\ngroup = 1\neps = 1e-5\n"
        "result0, result1, result2 = torch.native_group_norm(input, weight, bias, N, C, HxW, group, eps)",
    ),
)

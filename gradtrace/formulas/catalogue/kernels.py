"""Ops that only a kernel of torch computes, here or on other devices: words, without an expression that could be compared."""

from gradtrace.formulas.formula import Formula

_AGAIN = "Is the backward pass of {} as an op of its own: create_graph=True records it, so that a gradient can be differentiated again."

FORMULAS = (
    Formula(
        op="grid_sampler_backward",
        node_types=(
            "GridSampler2DBackwardBackward0",
            "GridSampler3DBackwardBackward0",
            "GridSampler2DCpuFallbackBackwardBackward0",
            "CudnnGridSamplerBackwardBackward0",
        ),
        forward=_AGAIN.format("grid_sample"),
        backward=(
            "The gradient that went in gets the change of the samples when the image changes by grad₁ and the grid by grad₂. Image and grid get "
            "what the slopes between the pixels change with them; with nearest pixels that is 0."
        ),
    ),
    Formula(
        op="linear_backward",
        node_types=("LinearBackwardBackward0",),
        forward=_AGAIN.format("linear"),
        backward=(
            "The gradient that went in gets grad₁ · weightᵀ + input · grad₂ᵀ + grad₃; the input gets it times grad₂, the weight gets it, "
            "transposed, times grad₁."
        ),
    ),
    Formula(
        op="max_pool2d",
        node_types=("MaxPool2DBackward0",),
        forward="Takes the largest element of each window, by a kernel that does not say which it was.",
        backward="The largest element of each window gets the gradient, the others 0: the kernel looks for it once more.",
    ),
    Formula(
        op="max_pool2d_backward",
        node_types=("MaxPool2DBackwardBackward0",),
        forward=_AGAIN.format("max_pool2d"),
        backward="torch raises an error here: this kernel does not remember which element was the largest. F.max_pool2d with return_indices=True does.",
    ),
    Formula(
        op="householder_product",
        node_types=("LinalgHouseholderProductBackward0",),
        forward="Multiplies Householder reflections 1 - tau · v · vᵀ into an orthogonal matrix, as the raw result of QR keeps them.",
        backward=(
            "Torch takes the reflections off the product one after the other; each v and tau gets the derivative of its own reflection, the product of "
            "those before and after it standing on its two sides."
        ),
        aliases=("linalg_householder_product", "orgqr"),
    ),
    Formula(
        op="ormqr",
        node_types=("OrmqrBackward0",),
        forward="Multiplies a matrix with an orthogonal one that is kept as Householder reflections.",
        backward=(
            "The other matrix gets the gradient times the transposed orthogonal one; the reflections get what householder_product sends for the "
            "gradient times the other matrix, transposed."
        ),
    ),
    Formula(
        op="pin_memory",
        node_types=("PinMemoryBackward0",),
        forward="Copies a tensor into memory that the GPU can read directly.",
        backward="The gradient goes back as it is.",
    ),
)
"""Kernels alone."""

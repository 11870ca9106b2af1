"""Activation functions, softmax and its kin."""

from gradtrace.formulas.formula import Formula, GradientTo


def _activation(
    op: str, node_types: tuple[str, ...], forward: str, backward: str, maths: str, code: str, example: str
) -> Formula:
    return Formula(
        op=op,
        node_types=node_types,
        forward=forward,
        backward=backward,
        gradients=(GradientTo("self", maths, code),),
        example=example,
    )


GATES = (
    _activation(
        "relu",
        ("ReluBackward0",),
        "Replaces negative elements by 0.",
        "The gradient goes through where the result is positive and is stopped everywhere else, at 0 too.",
        "grad where result > 0, else 0",
        "grad * (result > 0)",
        "self = tensor([-1.0, 0.0, 2.0])\nresult = torch.relu(self)",
    ),
    _activation(
        "threshold",
        ("ThresholdBackward0", "ThresholdBackward1"),
        "Keeps elements above the threshold and replaces the others by a value.",
        "The gradient goes through where the input is above the threshold; replaced elements get none.",
        "grad where self > threshold, else 0",
        "grad * (self > threshold)",
        "self = tensor([-1.0, 0.5, 2.0])\nthreshold = 1.0\nvalue = 0.0\n"
        "result = torch.threshold(self, threshold, value)",
    ),
    _activation(
        "leaky_relu",
        ("LeakyReluBackward0",),
        "Multiplies negative elements by a small slope and keeps the others.",
        "The gradient goes through where the input is positive and is multiplied by the slope elsewhere.",
        "grad where self > 0, else grad · negative_slope",
        "torch.where(self > 0, grad, grad * negative_slope)",
        "self = tensor([-1.0, 0.0, 2.0])\nnegative_slope = 0.1\nresult = F.leaky_relu(self, negative_slope)",
    ),
    _activation(
        "leaky_relu_",
        ("LeakyReluBackward1",),
        "Multiplies negative elements by a small slope, in place.",
        "The gradient goes through where the result is positive and is multiplied by the slope elsewhere.",
        "grad where result > 0, else grad · negative_slope",
        "torch.where(result > 0, grad, grad * negative_slope)",
        "self = tensor([-1.0, 0.0, 2.0])\nnegative_slope = 0.1\n"
        "result = F.leaky_relu(self.clone(), negative_slope, inplace=True)",
    ),
    _activation(
        "hardtanh",
        ("HardtanhBackward0",),
        "Clamps every element to [min_val, max_val]; with 0 and 6 it is relu6.",
        "The gradient goes through strictly between the limits; elements at or beyond them get none.",
        "grad where min_val < self < max_val, else 0",
        "grad * ((self > min_val) & (self < max_val))",
        "self = tensor([-2.0, 0.5, 2.0])\nmin_val = -1.0\nmax_val = 1.0\nresult = F.hardtanh(self, min_val, max_val)",
    ),
    _activation(
        "hardsigmoid",
        ("HardsigmoidBackward0",),
        "Computes x/6 + ½, clamped to [0, 1].",
        "A sixth of the gradient goes through where -3 < x < 3; elements beyond get none.",
        "grad / 6 where -3 < self < 3, else 0",
        "grad * ((self > -3) & (self < 3)) / 6",
        "self = tensor([-4.0, 0.0, 1.0])\nresult = F.hardsigmoid(self)",
    ),
    _activation(
        "hardswish",
        ("HardswishBackward0",),
        "Computes x · relu6(x + 3)/6.",
        "The gradient is stopped below -3, goes through above 3, and is multiplied by x/3 + ½ between.",
        "grad · (self/3 + ½) where -3 < self < 3; grad above, 0 below",
        "torch.where(self <= -3, 0, torch.where(self < 3, grad * (self / 3 + 0.5), grad))",
        "self = tensor([-4.0, 1.0, 5.0])\nresult = F.hardswish(self)",
    ),
    _activation(
        "hardshrink",
        ("HardshrinkBackward0",),
        "Replaces elements of [-lambd, lambd] by 0 and keeps the others.",
        "The gradient goes through where the input lies outside [-lambd, lambd].",
        "grad where |self| > lambd, else 0",
        "grad * ((self > lambd) | (self < -lambd))",
        "self = tensor([-1.0, 0.2, 2.0])\nlambd = 0.5\nresult = F.hardshrink(self, lambd)",
    ),
    _activation(
        "softshrink",
        ("SoftshrinkBackward0",),
        "Moves every element towards 0 by lambd, at most to 0.",
        "The gradient goes through where the input lies outside [-lambd, lambd].",
        "grad where |self| > lambd, else 0",
        "grad * ((self > lambd) | (self < -lambd))",
        "self = tensor([-1.0, 0.2, 2.0])\nlambd = 0.5\nresult = F.softshrink(self, lambd)",
    ),
)

SMOOTH = (
    _activation(
        "sigmoid",
        ("SigmoidBackward0",),
        "Squeezes every element into (0, 1): 1 / (1 + e⁻ˣ).",
        "Each element of the gradient is multiplied by y·(1 - y), y being the result: at most ¼, near 0 far from x = 0.",
        "grad · result · (1 - result)",
        "grad * (result * (1 - result)).conj()",
        "self = tensor([-2.0, 0.0, 4.0])\nresult = torch.sigmoid(self)",
    ),
    _activation(
        "tanh",
        ("TanhBackward0",),
        "Squeezes every element into (-1, 1).",
        "Each element of the gradient is multiplied by 1 - y², y being the result: 1 at x = 0, near 0 far from it.",
        "grad · (1 - result²)",
        "grad * (1 - result.pow(2)).conj()",
        "self = tensor([-2.0, 0.0, 1.0])\nresult = torch.tanh(self)",
    ),
    Formula(
        op="gelu",
        node_types=("GeluBackward0",),
        forward="Multiplies x by Φ(x), the share of a normal distribution below x; approximate='tanh' replaces Φ by a formula with tanh.",
        backward="Each element of the gradient is multiplied by Φ(x) + x·φ(x), φ being the normal density.",
        gradients=(
            GradientTo(
                "self",
                "grad · (Φ(self) + self · φ(self))",
                "grad * (0.5 * (1 + torch.erf(self / math.sqrt(2)))"
                " + self * torch.exp(-self * self / 2) / math.sqrt(2 * math.pi))"
                " if approximate == 'none' else"
                " grad * (0.5 * (1 + t) + 0.5 * self * (1 - t * t) * c * (1 + 3 * 0.044715 * self * self))",
            ),
        ),
        where=(("c", "math.sqrt(2 / math.pi)"), ("t", "torch.tanh(c * (self + 0.044715 * self.pow(3)))")),
        example="self = tensor([-1.0, 0.0, 2.0])\napproximate = 'none'\nresult = F.gelu(self, approximate=approximate)",
    ),
    Formula(
        op="silu",
        node_types=("SiluBackward0",),
        forward="Multiplies every element by its own sigmoid: x·σ(x).",
        backward="Each element of the gradient is multiplied by σ(x)·(1 + x·(1 - σ(x))).",
        gradients=(GradientTo("self", "grad · σ · (1 + self·(1 - σ))", "grad * s * (1 + self * (1 - s))"),),
        where=(("s", "torch.sigmoid(self)"),),
        example="self = tensor([-2.0, 0.0, 2.0])\nresult = F.silu(self)",
        aliases=("swish",),
    ),
    Formula(
        op="mish",
        node_types=("MishBackward0",),
        forward="Computes x·tanh(softplus(x)).",
        backward="Each element of the gradient is multiplied by t + x·σ(x)·(1 - t²), t being tanh(softplus(x)).",
        gradients=(
            GradientTo(
                "self", "grad · (t + self·σ(self)·(1 - t²))", "grad * (t + self * torch.sigmoid(self) * (1 - t * t))"
            ),
        ),
        where=(("t", "torch.tanh(F.softplus(self))"),),
        example="self = tensor([-2.0, 0.0, 2.0])\nresult = F.mish(self)",
    ),
    Formula(
        op="elu",
        node_types=("EluBackward0",),
        forward="Keeps positive elements and bends negative ones to alpha·(eˣ - 1); selu is this with two fixed factors.",
        backward="Positive elements pass the gradient on (times scale); negative ones multiply it by the slope alpha·eˣ.",
        gradients=(
            GradientTo(
                "self",
                "grad · scale where self > 0, else grad · scale · alpha · input_scale · e^(input_scale·self)",
                "grad * scale * torch.where(self > 0, 1, alpha * input_scale * torch.exp(input_scale * self.clamp(max=0)))",
            ),
        ),
        example="self = tensor([-1.0, 0.0, 2.0])\nalpha = 1.0\nscale = 1.0\ninput_scale = 1.0\nresult = F.elu(self, alpha)",
        aliases=("selu",),
    ),
    Formula(
        op="celu",
        node_types=("CeluBackward0",),
        forward="Keeps positive elements and bends negative ones to alpha·(e^(x/alpha) - 1).",
        backward="Positive elements pass the gradient on; negative ones multiply it by e^(x/alpha).",
        gradients=(
            GradientTo(
                "self",
                "grad where self > 0, else grad · e^(self/alpha)",
                "grad * torch.where(self > 0, 1, torch.exp(self.clamp(max=0) / alpha))",
            ),
        ),
        example="self = tensor([-1.0, 0.0, 2.0])\nalpha = 2.0\nresult = F.celu(self, alpha)",
    ),
    Formula(
        op="softplus",
        node_types=("SoftplusBackward0",),
        forward="Computes ln(1 + e^(beta·x))/beta, a smooth relu; above the threshold it is x itself.",
        backward="Each element of the gradient is multiplied by σ(beta·x); above the threshold it goes through.",
        gradients=(
            GradientTo(
                "self",
                "grad · σ(beta·self)",
                "torch.where(self * beta > threshold, grad, grad * torch.sigmoid(self * beta))",
            ),
        ),
        example="self = tensor([-2.0, 0.0, 30.0])\nbeta = 1.0\nthreshold = 20.0\nresult = F.softplus(self, beta, threshold)",
    ),
    _activation(
        "logsigmoid",
        ("LogSigmoidBackward0",),
        "Computes ln σ(x), exactly also far from 0.",
        "Each element of the gradient is multiplied by 1 - σ(x) = σ(-x).",
        "grad · σ(-self)",
        "grad * torch.sigmoid(-self)",
        "self = tensor([-2.0, 0.0, 2.0])\nresult = F.logsigmoid(self)",
    ),
)

WITH_PARTNERS = (
    Formula(
        op="prelu",
        node_types=("PreluKernelBackward0",),
        forward="Keeps positive elements and multiplies negative ones by a learned weight.",
        backward=(
            "Positive elements pass the gradient on, negative ones multiply it by the weight; "
            "the weight gets the gradient times the negative inputs, summed over all that share it."
        ),
        gradients=(
            GradientTo("self", "grad where self > 0, else grad · weight", "torch.where(self > 0, grad, grad * weight)"),
            GradientTo("weight", "Σ grad · self where self ≤ 0", "torch.where(self > 0, 0, grad * self)"),
        ),
        example="self = tensor([-1.0, -2.0, 3.0])\nweight = tensor([0.25])\nresult = F.prelu(self, weight)",
    ),
    Formula(
        op="glu",
        node_types=("GluBackward0",),
        forward="Splits the input into halves a and b along a dimension and computes a·σ(b).",
        backward="The first half gets the gradient times σ(b); the second gets it times a·σ(b)·(1 - σ(b)).",
        gradients=(
            GradientTo(
                "self",
                "[grad · σ(b), grad · a · σ(b) · (1 - σ(b))]",
                "torch.cat([grad * torch.sigmoid(b), grad * a * torch.sigmoid(b) * (1 - torch.sigmoid(b))], dim)",
            ),
        ),
        where=(("a", "self.chunk(2, dim)[0]"), ("b", "self.chunk(2, dim)[1]")),
        example="self = tensor([[1.0, 2.0, 0.0, 1.0]])\ndim = 1\nresult = F.glu(self, dim)",
    ),
    Formula(
        op="softmax",
        node_types=("SoftmaxBackward0",),
        forward="Turns the numbers along a dimension into shares that sum to 1, in proportion to eˣ.",
        backward=(
            "From each element of the gradient the share-weighted mean of the gradients along the dimension is taken away, "
            "and the rest multiplied by the element's share: what is sent along the dimension sums to 0."
        ),
        gradients=(
            GradientTo(
                "self",
                "result · (grad - Σ grad·result)",
                "result * (grad - (grad * result).sum(dim, keepdim=True))",
            ),
        ),
        example="self = tensor([[1.0, 2.0, 3.0]])\ndim = 1\nresult = torch.softmax(self, dim)",
    ),
    Formula(
        op="_safe_softmax",
        node_types=("SafeSoftmaxBackward0",),
        forward="Softmax that gives zeros, not NaN, for a row that is -∞ throughout (fully masked attention).",
        backward="As for softmax: share times (gradient minus share-weighted mean of the gradients); masked rows get 0.",
        gradients=(
            GradientTo(
                "self",
                "result · (grad - Σ grad·result)",
                "result * (grad - (grad * result).sum(dim, keepdim=True))",
            ),
        ),
        example="self = tensor([[1.0, 2.0], [-math.inf, -math.inf]])\ndim = 1\n"
        "result = torch.ops.aten._safe_softmax(self, dim)",
    ),
    Formula(
        op="log_softmax",
        node_types=("LogSoftmaxBackward0",),
        forward="Takes the logarithm of softmax along a dimension.",
        backward="From each element of the gradient its softmax share of the gradients' sum along the dimension is taken away.",
        gradients=(
            GradientTo("self", "grad - e^result · Σ grad", "grad - result.exp() * grad.sum(dim, keepdim=True)"),
        ),
        example="self = tensor([[1.0, 2.0, 3.0]])\ndim = 1\nresult = torch.log_softmax(self, dim)",
    ),
)

DROPOUT = (
    Formula(
        op="native_dropout",
        node_types=("NativeDropoutBackward0",),
        forward="Replaces a random share p of the elements by 0 and divides the others by 1 - p.",
        backward="The gradient goes back through the same mask: kept elements get it divided by 1 - p, dropped ones get none.",
        gradients=(GradientTo("input", "grad · mask / (1 - p)", "grad * result1 / (1 - p)"),),
        example="input = tensor([1.0, 2.0, 3.0, 4.0])\np = 0.5\ntrain = True\n"
        "result0, result1 = torch.native_dropout(input, p, train)",
        aliases=("dropout",),
    ),
)

FORMULAS = (*GATES, *SMOOTH, *WITH_PARTNERS, *DROPOUT)

"""Functions of one number, applied to every element."""

from gradtrace.formulas.formula import Formula, GradientTo


def elementwise(
    op: str, forward: str, backward: str, maths: str, code: str, values: str, node_type: str | None = None
) -> Formula:
    """Make the entry of a function `torch.OP(self)` with one node type."""
    return Formula(
        op=op,
        node_types=(node_type or f"{op.title()}Backward0",),
        forward=forward,
        backward=backward,
        gradients=(GradientTo("self", maths, code),),
        example=f"self = tensor({values})\nresult = torch.{op}(self)",
    )


EXPONENTIALS = (
    elementwise(
        "exp",
        "Raises e to the power of every element.",
        "Each element of the gradient is multiplied by the result: eˣ is its own derivative.",
        "grad · result",
        "grad * result.conj()",
        "[-1.0, 0.0, 2.0]",
    ),
    elementwise(
        "exp2",
        "Raises 2 to the power of every element.",
        "Each element of the gradient is multiplied by the result and by ln 2.",
        "grad · result · ln 2",
        "grad * result.conj() * math.log(2)",
        "[-1.0, 0.0, 3.0]",
    ),
    elementwise(
        "expm1",
        "Computes eˣ - 1 for every element, exactly also near 0.",
        "Each element of the gradient is multiplied by eˣ, which is the result plus one.",
        "grad · (result + 1)",
        "grad * (result + 1).conj()",
        "[-1.0, 0.0, 2.0]",
    ),
    elementwise(
        "log",
        "Takes the natural logarithm of every element.",
        "Each element of the gradient is divided by the input: small inputs get large gradients, and 0 gets an infinite one.",
        "grad / self",
        "grad / self.conj()",
        "[0.5, 1.0, 4.0]",
    ),
    elementwise(
        "log1p",
        "Computes ln(1 + x) for every element, exactly also near 0.",
        "Each element of the gradient is divided by one plus the input.",
        "grad / (1 + self)",
        "grad / (1 + self).conj()",
        "[-0.5, 0.0, 3.0]",
        "Log1PBackward0",
    ),
    elementwise(
        "log2",
        "Takes the logarithm to base 2 of every element.",
        "Each element of the gradient is divided by the input and by ln 2.",
        "grad / (self · ln 2)",
        "grad / (self.conj() * math.log(2))",
        "[0.5, 1.0, 8.0]",
    ),
    elementwise(
        "log10",
        "Takes the logarithm to base 10 of every element.",
        "Each element of the gradient is divided by the input and by ln 10.",
        "grad / (self · ln 10)",
        "grad / (self.conj() * math.log(10))",
        "[0.1, 1.0, 100.0]",
    ),
    Formula(
        op="logit",
        node_types=("LogitBackward0",),
        forward="Computes ln(x / (1 - x)), the inverse of sigmoid; with eps, inputs are first clamped to [eps, 1 - eps].",
        backward="Each element of the gradient is divided by x·(1 - x); clamped elements get none.",
        gradients=(
            GradientTo(
                "self",
                "grad / (self · (1 - self))",
                "grad / (self * (1 - self))"
                " if eps is None else torch.where((self >= eps) & (self <= 1 - eps), grad / (self * (1 - self)), 0)",
            ),
        ),
        example="self = tensor([0.1, 0.5, 0.8])\neps = None\nresult = torch.logit(self, eps)",
    ),
)

POWERS = (
    elementwise(
        "sqrt",
        "Takes the square root of every element.",
        "Each element of the gradient is divided by twice the root: at 0 it becomes infinite (0 · ∞ further back gives NaN).",
        "grad / (2 · result)",
        "grad / (2 * result.conj())",
        "[0.25, 1.0, 9.0]",
    ),
    elementwise(
        "rsqrt",
        "Computes 1/√x for every element.",
        "Each element of the gradient is multiplied by -½·x^(-3/2), which is -½ times the cube of the result.",
        "-½ · grad · result³",
        "-0.5 * grad * result.pow(3).conj()",
        "[0.25, 1.0, 4.0]",
    ),
    elementwise(
        "reciprocal",
        "Computes 1/x for every element.",
        "Each element of the gradient is multiplied by -1/x², which is minus the square of the result.",
        "-grad · result²",
        "-grad * (result * result).conj()",
        "[0.5, -1.0, 4.0]",
    ),
    Formula(
        op="pow",
        node_types=("PowBackward0",),
        forward="Raises every element to a fixed power.",
        backward="Each element of the gradient is multiplied by the power times the base raised to one less.",
        gradients=(
            GradientTo(
                "self",
                "grad · exponent · self^(exponent-1)",
                "torch.zeros_like(self) if exponent == 0 else grad * (exponent * self.pow(exponent - 1)).conj()",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nexponent = 2\nresult = torch.pow(self, exponent)",
        aliases=("square",),
    ),
    Formula(
        op="pow",
        node_types=("PowBackward1",),
        forward="Raises every element to the power given by the matching element of the other tensor.",
        backward=(
            "The base gets the gradient times exponent·base^(exponent-1); the exponent gets it times result·ln(base). "
            "Where base and exponent make the factor undefined (0 to the power 0), it is 0."
        ),
        gradients=(
            GradientTo(
                "self",
                "grad · exponent · self^(exponent-1)",
                "torch.where(exponent == 0, 0, grad * (exponent * self.pow(exponent - 1)).conj())",
            ),
            GradientTo(
                "exponent",
                "grad · result · ln(self)",
                "grad * torch.where((self == 0) & ((exponent == 0) | (exponent.real >= 0)), 0, result * self.log()).conj()",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nexponent = tensor([2.0, 3.0, 0.0])\nresult = torch.pow(self, exponent)",
    ),
    Formula(
        op="pow",
        node_types=("PowBackward2",),
        forward="Raises one number to the power given by every element.",
        backward="Each element of the gradient is multiplied by the result and by the logarithm of the base.",
        gradients=(
            GradientTo(
                "exponent",
                "grad · result · ln(self)",
                "grad * (torch.where(exponent.real >= 0, 0, result) if self == 0"
                " else result * torch.tensor(self, dtype=result.dtype).log()).conj()",
            ),
        ),
        example="self = 2.0\nexponent = tensor([-1.0, 0.0, 3.0])\nresult = torch.pow(self, exponent)",
    ),
)

SIGNS = (
    elementwise(
        "neg",
        "Changes the sign of every element.",
        "The gradient changes its sign.",
        "-grad",
        "-grad",
        "[1.0, -2.0, 3.0]",
    ),
    elementwise(
        "abs",
        "Takes the absolute value of every element.",
        "The gradient keeps its sign where the input is positive, changes it where it is negative, and is 0 at 0.",
        "grad · sign(self)",
        "grad * self.sgn()",
        "[-2.0, 0.0, 3.0]",
    ),
    elementwise(
        "frac",
        "Keeps the part of every element behind the decimal point.",
        "The gradient goes through unchanged: between the jumps the function rises like its input.",
        "grad",
        "grad",
        "[-1.5, 0.25, 2.75]",
    ),
    Formula(
        op="nan_to_num",
        node_types=("NanToNumBackward0",),
        forward="Replaces NaN and infinite elements by numbers.",
        backward="The gradient goes through where the input was finite; replaced elements get none.",
        gradients=(GradientTo("self", "grad where self is finite, else 0", "grad * torch.isfinite(self)"),),
        example="self = tensor([1.0, math.nan, math.inf])\nresult = torch.nan_to_num(self, posinf=9.0)",
    ),
    *(
        elementwise(
            op,
            forward,
            "No gradient gets through: the function is constant between its jumps, so torch sends zeros.",
            "0",
            "torch.zeros_like(grad)",
            "[-1.5, 0.25, 2.75]",
        )
        for op, forward in (
            ("ceil", "Rounds every element up to a whole number."),
            ("floor", "Rounds every element down to a whole number."),
            ("round", "Rounds every element to the nearest whole number."),
            ("trunc", "Cuts off what stands behind the decimal point."),
            ("sign", "Replaces every element by -1, 0 or 1."),
        )
    ),
    Formula(
        op="round",
        node_types=("RoundBackward1",),
        forward="Rounds every element to so many decimals.",
        backward="No gradient gets through: the function is constant between its jumps, so torch sends zeros.",
        gradients=(GradientTo("self", "0", "torch.zeros_like(grad)"),),
        example="self = tensor([-1.52, 0.25, 2.77])\ndecimals = 1\nresult = torch.round(self, decimals=decimals)",
    ),
)

SPECIAL = (
    elementwise(
        "erf",
        "Computes the error function of every element.",
        "Each element of the gradient is multiplied by 2/√π · e^(-x²).",
        "grad · 2/√π · e^(-self²)",
        "2 / math.sqrt(math.pi) * torch.exp(-self.pow(2)) * grad",
        "[-1.0, 0.0, 2.0]",
    ),
    elementwise(
        "erfc",
        "Computes one minus the error function of every element.",
        "Each element of the gradient is multiplied by -2/√π · e^(-x²).",
        "-grad · 2/√π · e^(-self²)",
        "-2 / math.sqrt(math.pi) * torch.exp(-self.pow(2)) * grad",
        "[-1.0, 0.0, 2.0]",
    ),
    elementwise(
        "erfinv",
        "Computes the inverse of the error function.",
        "Each element of the gradient is multiplied by √π/2 · e^(result²).",
        "grad · √π/2 · e^(result²)",
        "0.5 * math.sqrt(math.pi) * torch.exp(result.pow(2)) * grad",
        "[-0.5, 0.0, 0.9]",
    ),
    elementwise(
        "lgamma",
        "Computes the logarithm of the gamma function.",
        "Each element of the gradient is multiplied by the digamma function of the input.",
        "grad · ψ(self)",
        "grad * torch.digamma(self)",
        "[0.5, 1.0, 4.0]",
    ),
    elementwise(
        "digamma",
        "Computes the logarithmic derivative of the gamma function.",
        "Each element of the gradient is multiplied by the trigamma function of the input.",
        "grad · ψ'(self)",
        "grad * torch.polygamma(1, self)",
        "[0.5, 1.0, 4.0]",
    ),
    elementwise(
        "i0",
        "Computes the modified Bessel function of order 0.",
        "Each element of the gradient is multiplied by the Bessel function of order 1.",
        "grad · I₁(self)",
        "grad * torch.special.i1(self)",
        "[-1.0, 0.0, 2.0]",
    ),
)

FORMULAS = (*EXPONENTIALS, *POWERS, *SIGNS, *SPECIAL)

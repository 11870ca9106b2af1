"""Special functions: gamma and its kin, Bessel functions, the normal distribution, zeta."""

from gradtrace.formulas.formula import Formula, GradientTo


def _of_one(
    op: str, node_type: str, forward: str, backward: str, maths: str, code: str, example: str, *aliases: str
) -> Formula:
    """A function of one number."""
    return Formula(op, (node_type,), forward, backward, (GradientTo("self", maths, code),), example, aliases=aliases)


_NUMBERS = "self = tensor([0.5, 1.0, 2.0])\n"

ONE = (
    _of_one(
        "entr",
        "SpecialEntrBackward0",
        "Computes the entropy -x·ln(x).",
        "Each element of the gradient is multiplied by -(1 + ln x), which is infinite at 0.",
        "-grad · (1 + ln self)",
        "grad * -(1 + self.log())",
        f"{_NUMBERS}result = torch.special.entr(self)",
    ),
    _of_one(
        "erfcx",
        "SpecialErfcxBackward0",
        "Computes e^(x²) · erfc(x), which stays large where erfc itself vanishes.",
        "Each element of the gradient is multiplied by 2·x·result - 2/√π.",
        "grad · (2 · self · result - 2 / √π)",
        "grad * (2 * self * result - 2 / math.sqrt(math.pi))",
        f"{_NUMBERS}result = torch.special.erfcx(self)",
    ),
    _of_one(
        "i0e",
        "SpecialI0EBackward0",
        "Computes the modified Bessel function of order 0, divided by e^|x|.",
        "The gradient is multiplied by the same function of order 1, minus sign(x) times the result (from the division).",
        "grad · (i1e(self) - sign(self) · result)",
        "grad * (torch.special.i1e(self) - self.sgn() * result)",
        f"{_NUMBERS}result = torch.special.i0e(self)",
    ),
    _of_one(
        "i1",
        "SpecialI1Backward0",
        "Computes the modified Bessel function of order 1.",
        "The gradient is multiplied by the function of order 0 minus result / x; by ½ at 0.",
        "grad · (i0(self) - result / self), ½ · grad at 0",
        "grad * torch.where(self == 0, 0.5, torch.i0(self) - result / torch.where(self == 0, 1.0, self))",
        "self = tensor([0.0, 1.0, 2.0])\nresult = torch.special.i1(self)",
    ),
    _of_one(
        "i1e",
        "SpecialI1EBackward0",
        "Computes the modified Bessel function of order 1, divided by e^|x|.",
        "The gradient is multiplied by the function of order 0 minus (sign(x) + 1/x) times the result; by ½ at 0.",
        "grad · (i0e(self) - result · (sign(self) + 1 / self)), ½ · grad at 0",
        "grad * torch.where(self == 0, 0.5, torch.special.i0e(self) - result * (self.sgn() + 1 / torch.where(self == 0, 1.0, self)))",
        "self = tensor([0.0, 1.0, 2.0])\nresult = torch.special.i1e(self)",
    ),
    _of_one(
        "log_ndtr",
        "SpecialLogNdtrBackward0",
        "Computes the logarithm of the normal distribution function: ln Φ(x).",
        "The gradient is multiplied by φ(x) / Φ(x), the density over the probability.",
        "grad · φ(self) / Φ(self)",
        "grad / math.sqrt(2 * math.pi) * torch.exp(-(result + self.pow(2) / 2))",
        f"{_NUMBERS}result = torch.special.log_ndtr(self)",
    ),
    _of_one(
        "ndtri",
        "SpecialNdtriBackward0",
        "Computes the number below which a normally distributed one lies with probability x.",
        "The gradient is divided by the density at the result.",
        "grad / φ(result)",
        "grad * math.sqrt(2 * math.pi) * torch.exp(result.square() / 2)",
        "self = tensor([0.25, 0.5, 0.75])\nresult = torch.special.ndtri(self)",
    ),
    _of_one(
        "polygamma",
        "PolygammaBackward0",
        "Computes the n-th derivative of digamma.",
        "The gradient is multiplied by the next derivative.",
        "grad · polygamma(n + 1, self)",
        "grad * torch.special.polygamma(n + 1, self)",
        f"n = 1\n{_NUMBERS}result = torch.special.polygamma(n, self)",
    ),
    _of_one(
        "polygamma_",
        "PolygammaBackward1",
        "Computes the n-th derivative of digamma in place.",
        "The gradient is multiplied by the next derivative, of the elements as they were.",
        "grad · polygamma(n + 1, self)",
        "grad * torch.special.polygamma(n + 1, self)",
        f"{_NUMBERS}n = 1\nresult = self.clone().polygamma_(n)",
    ),
    _of_one(
        "mvlgamma",
        "MvlgammaBackward0",
        "Computes the logarithm of the gamma function of p dimensions.",
        "The gradient is multiplied by the sum of digamma at self, self - ½, and so on, p of them.",
        "grad · Σ digamma(self - i / 2), i from 0 to p - 1",
        "grad * sum(torch.digamma(x) for x in (self.unsqueeze(0) - torch.arange(p).reshape(-1, *[1] * self.dim()) / 2))",
        "self = tensor([2.0, 3.0])\np = 2\nresult = torch.mvlgamma(self, p)",
        "multigammaln",
    ),
    _of_one(
        "sgn",
        "SgnBackward0",
        "Gives the direction of a complex number: z / |z|; of a real one its sign.",
        "A real input gets 0. A complex one gets the part of the gradient across its own direction, divided by its length.",
        "0 for real numbers; (grad - direction · Re(conj(direction) · grad)) / |self|",
        "((grad - result * (result.conj() * grad).real) / self.abs()).masked_fill(self == 0, 0) if self.is_complex() else torch.zeros_like(grad)",
        "self = torch.complex(tensor([3.0, 0.0]), tensor([4.0, 2.0]))\nresult = torch.sgn(self)",
    ),
    Formula(
        op="frexp",
        node_types=("FrexpBackward0",),
        forward="Splits each number into a mantissa between ½ and 1 and a power of two.",
        backward="The mantissa's gradient is divided by that power; the exponent is a whole number and sends none.",
        gradients=(GradientTo("self", "grad / 2^exponent", "grad / exponent.exp2()"),),
        example="self = tensor([3.0, 0.25])\nmantissa, exponent = torch.frexp(self)",
    ),
    _of_one(
        "standard_gamma",
        "StandardGammaBackward0",
        "Draws from a gamma distribution with each element as its shape.",
        "The gradient is multiplied by how the number drawn would move with its shape (reparameterisation).",
        "grad · ∂result/∂self at the number drawn",
        "grad * torch._standard_gamma_grad(self, result)",
        f"{_NUMBERS}result = torch._standard_gamma(self)",
        "gamma",
    ),
)

_ORDER = "(torch.exp((self - 1) * other.log() - other - torch.lgamma(self)))"

TWO = (
    *(
        Formula(
            op=op,
            node_types=(node_type,),
            forward=f"Computes the {side} incomplete gamma function, divided by the complete one.",
            backward=f"other gets the gradient times {sign}the density of the gamma distribution; torch has no derivative by self: it raises an error.",
            gradients=(
                GradientTo(
                    "other", f"{sign}grad · e^((self - 1) · ln other - other - lgamma(self))", f"{sign}grad * {_ORDER}"
                ),
            ),
            example=f"self = torch.tensor([1.0, 2.0])\nother = tensor([0.5, 3.0])\nresult = torch.{op}(self, other)",
            aliases=(alias,),
        )
        for op, node_type, side, sign, alias in (
            ("igamma", "IgammaBackward0", "lower", "", "gammainc"),
            ("igammac", "IgammacBackward0", "upper", "-", "gammaincc"),
        )
    ),
    Formula(
        op="xlog1py",
        node_types=("SpecialXlog1PyBackward0",),
        forward="Computes x·ln(1 + y), 0 where x is 0.",
        backward="x gets the gradient times ln(1 + y) (0 where x is 0 and y at most -1); y gets it times x/(1 + y).",
        gradients=(
            GradientTo(
                "self",
                "grad · ln(1 + other)",
                "torch.special.xlog1py(grad, other).masked_fill((self == 0) & (other <= -1), 0)",
            ),
            GradientTo("other", "grad · self / (other + 1)", "grad * self / (other + 1)"),
        ),
        example="self = tensor([0.0, 2.0])\nother = tensor([0.5, 4.0])\nresult = torch.special.xlog1py(self, other)",
    ),
    Formula(
        op="xlog1py",
        node_types=("SpecialXlog1PyBackward1",),
        forward="Computes x·ln(1 + y) for a number x.",
        backward="y gets the gradient times x/(1 + y).",
        gradients=(GradientTo("other", "grad · self / (other + 1)", "grad * self / (other + 1)"),),
        example="self = 2.0\nother = tensor([0.5, 4.0])\nresult = torch.special.xlog1py(self, other)",
    ),
    Formula(
        op="xlog1py",
        node_types=("SpecialXlog1PyBackward2",),
        forward="Computes x·ln(1 + y) for a number y.",
        backward="x gets the gradient times ln(1 + y).",
        gradients=(
            GradientTo(
                "self",
                "grad · ln(1 + other)",
                "grad * math.log1p(other) if other > -1 else torch.special.xlog1py(grad, other).masked_fill(self == 0, 0)",
            ),
        ),
        example="self = tensor([0.0, 2.0])\nother = 4.0\nresult = torch.special.xlog1py(self, other)",
    ),
    Formula(
        op="xlogy",
        node_types=("XlogyBackward1",),
        forward="Computes x·ln(y) for a number x.",
        backward="y gets the gradient times x/y.",
        gradients=(GradientTo("other", "grad · self / other", "grad * self / other"),),
        example="self = 2.0\nother = tensor([0.5, 4.0])\nresult = torch.xlogy(self, other)",
    ),
    Formula(
        op="xlogy",
        node_types=("XlogyBackward2",),
        forward="Computes x·ln(y) for a number y.",
        backward="x gets the gradient times ln(y).",
        gradients=(
            GradientTo(
                "self",
                "grad · ln other",
                "grad * math.log(other) if other > 0 else torch.xlogy(grad, other).masked_fill(self == 0, 0)",
            ),
        ),
        example="self = tensor([0.0, 2.0])\nother = 4.0\nresult = torch.xlogy(self, other)",
    ),
    *(
        Formula(
            op="zeta",
            node_types=(node_type,),
            forward=f"Computes the Hurwitz zeta function Σ 1 / (k + other)^self, over k from 0 on{', for a number self' * (value == '3.0')}.",
            backward="other gets the gradient times -self times zeta of the next power; torch has no derivative by self: it raises an error.",
            gradients=(
                GradientTo(
                    "other",
                    "-grad · self · zeta(self + 1, other)",
                    "grad * -self * torch.special.zeta(self + 1.0, other)",
                ),
            ),
            example=f"self = {value}\nother = tensor([1.0, 2.0])\nresult = torch.special.zeta(self, other)",
        )
        for node_type, value in (("SpecialZetaBackward0", "torch.tensor([2.0, 3.0])"), ("SpecialZetaBackward1", "3.0"))
    ),
    Formula(
        op="nextafter",
        node_types=("NextafterBackward0",),
        forward="Gives the next number that the dtype can hold after self, on the way to other.",
        backward="self gets the gradient as it is (0 where it equals other already); other only names the direction and gets 0.",
        gradients=(
            GradientTo("self", "grad where self ≠ other, else 0", "grad * (self != other)"),
            GradientTo("other", "0", "torch.zeros_like(other)"),
        ),
        example="self = tensor([1.0, 2.0])\nother = tensor([2.0, 2.0])\nresult = torch.nextafter(self, other)",
    ),
    _of_one(
        "copysign",
        "CopysignBackward1",
        "Gives each element the sign of a number.",
        "The gradient keeps its sign where the element kept its own, changes it where it was changed, and is 0 at 0.",
        "grad · sign(result) · sign(self)",
        "grad * torch.where(self == 0, 0.0, result / torch.where(self == 0, 1.0, self))",
        "self = tensor([1.0, -2.0, 0.0])\nother = -1.0\nresult = torch.copysign(self, other)",
    ),
)

FORMULAS = (*ONE, *TWO)
"""Functions of one number, then of two."""

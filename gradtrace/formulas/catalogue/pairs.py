"""Functions of two numbers beyond plain arithmetic, and complex numbers."""

from gradtrace.formulas.formula import Formula, GradientTo

FORMULAS = (
    Formula(
        op="atan2",
        node_types=("Atan2Backward0",),
        forward="Gives the angle of the point (x = other, y = self).",
        backward="y gets the gradient times x/(x² + y²), x gets it times -y/(x² + y²); at the origin both get 0.",
        gradients=(
            GradientTo("self", "grad · other / (self² + other²)", "grad * (other / norm2).masked_fill(norm2 == 0, 0)"),
            GradientTo("other", "-grad · self / (self² + other²)", "grad * (-self / norm2).masked_fill(norm2 == 0, 0)"),
        ),
        where=(("norm2", "self * self + other * other"),),
        example="self = tensor([1.0, 2.0])\nother = tensor([1.0, -1.0])\nresult = torch.atan2(self, other)",
        aliases=("arctan2",),
    ),
    Formula(
        op="hypot",
        node_types=("HypotBackward0",),
        forward="Computes √(x² + y²).",
        backward="Each input gets the gradient times its own share of the length: x/result and y/result.",
        gradients=(
            GradientTo("self", "grad · self / result", "grad * self / result"),
            GradientTo("other", "grad · other / result", "grad * other / result"),
        ),
        example="self = tensor([3.0, 5.0])\nother = tensor([4.0, 12.0])\nresult = torch.hypot(self, other)",
    ),
    Formula(
        op="logaddexp",
        node_types=("LogaddexpBackward0",),
        forward="Computes ln(eˣ + eʸ).",
        backward="The gradient is divided between the two in proportion to eˣ and eʸ.",
        gradients=(
            GradientTo("self", "grad / (1 + e^(other - self))", "grad / (1 + torch.exp(other - self)).conj()"),
            GradientTo("other", "grad / (1 + e^(self - other))", "grad / (1 + torch.exp(self - other)).conj()"),
        ),
        example="self = tensor([0.0, 1.0])\nother = tensor([0.0, 3.0])\nresult = torch.logaddexp(self, other)",
    ),
    Formula(
        op="logaddexp2",
        node_types=("Logaddexp2Backward0",),
        forward="Computes log₂(2ˣ + 2ʸ).",
        backward="The gradient is divided between the two in proportion to 2ˣ and 2ʸ.",
        gradients=(
            GradientTo("self", "grad / (1 + 2^(other - self))", "grad / (1 + torch.exp2(other - self))"),
            GradientTo("other", "grad / (1 + 2^(self - other))", "grad / (1 + torch.exp2(self - other))"),
        ),
        example="self = tensor([0.0, 1.0])\nother = tensor([0.0, 3.0])\nresult = torch.logaddexp2(self, other)",
    ),
    Formula(
        op="xlogy",
        node_types=("XlogyBackward0",),
        forward="Computes x·ln(y), 0 where x is 0.",
        backward="x gets the gradient times ln(y) (0 where x is 0 and y not positive); y gets it times x/y.",
        gradients=(
            GradientTo(
                "self",
                "grad · ln(other)",
                "torch.xlogy(grad, other).masked_fill((self == 0) & (other <= 0), 0)",
            ),
            GradientTo("other", "grad · self / other", "grad * self / other"),
        ),
        example="self = tensor([0.0, 2.0])\nother = tensor([0.5, 4.0])\nresult = torch.xlogy(self, other)",
    ),
    Formula(
        op="ldexp",
        node_types=("LdexpBackward0",),
        forward="Computes x·2ʸ.",
        backward="x gets the gradient times 2ʸ; y gets it times the result and ln 2.",
        gradients=(
            GradientTo("self", "grad · 2^other", "grad * torch.pow(2, other).conj()"),
            GradientTo("other", "grad · result · ln 2", "grad * result.conj() * math.log(2)"),
        ),
        example="self = tensor([1.0, 3.0])\nother = tensor([2.0, -1.0])\nresult = torch.ldexp(self, other)",
    ),
    Formula(
        op="complex",
        node_types=("ComplexBackward0",),
        forward="Makes complex numbers from real and imaginary parts.",
        backward="The real part gets the real part of the gradient, the imaginary part its imaginary part.",
        gradients=(GradientTo("real", "Re grad", "grad.real"), GradientTo("imag", "Im grad", "grad.imag")),
        example="real = tensor([1.0, 2.0])\nimag = tensor([3.0, 4.0])\nresult = torch.complex(real, imag)",
    ),
    Formula(
        op="polar",
        node_types=("PolarBackward0",),
        forward="Makes complex numbers from lengths and angles.",
        backward="The length gets the part of the gradient along the number's direction, the angle the part across it times the length.",
        gradients=(
            GradientTo("abs", "Re(conj(grad) · result / |result|)", "(grad.conj() * torch.sgn(result)).real"),
            GradientTo("angle", "Re(conj(grad) · i · result)", "(grad.conj() * 1j * result).real"),
        ),
        example="abs = tensor([1.0, 2.0])\nangle = tensor([0.0, 1.0])\nresult = torch.polar(abs, angle)",
    ),
    Formula(
        op="conj",
        node_types=("ConjBackward0", "ConjPhysicalBackward0", "ConjPhysicalBackward1"),
        forward="Changes the sign of the imaginary part.",
        backward="The gradient is conjugated too.",
        gradients=(GradientTo("self", "conj(grad)", "grad.conj()"),),
        example="self = torch.complex(tensor([1.0]), tensor([2.0]))\nresult = torch.conj(self)",
    ),
    Formula(
        op="angle",
        node_types=("AngleBackward0",),
        forward="Gives the angle of a complex number; for a real one 0 or π.",
        backward="A real input gets no gradient; a complex one gets it across its own direction, divided by its length.",
        gradients=(
            GradientTo(
                "self",
                "0 for real numbers; i · grad · self / |self|²",
                "grad * 1j * self / self.abs().square() if self.is_complex() else torch.zeros_like(self)",
            ),
        ),
        example="self = torch.complex(tensor([1.0]), tensor([2.0]))\nresult = torch.angle(self)",
    ),
)

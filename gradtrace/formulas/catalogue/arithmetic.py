"""Functions of two and three tensors, element by element, with broadcasting."""

from gradtrace.formulas.formula import Formula, GradientTo

SUMS = (
    Formula(
        op="add",
        node_types=("AddBackward0",),
        forward="Adds two tensors element by element; the second may be multiplied by alpha first.",
        backward=(
            "The gradient goes unchanged to both (to the second times alpha); "
            "where one was broadcast, it is summed over the broadcast dimensions."
        ),
        gradients=(GradientTo("self", "grad", "grad"), GradientTo("other", "alpha · grad", "grad * alpha.conjugate()")),
        example="self = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])\nother = tensor([10.0, 20.0, 30.0])\nalpha = 1\n"
        "result = torch.add(self, other, alpha=alpha)",
    ),
    Formula(
        op="add",
        node_types=("AddBackward1",),
        forward="Adds a number to every element.",
        backward="The gradient goes through unchanged.",
        gradients=(GradientTo("self", "grad", "grad"),),
        example="self = tensor([1.0, 2.0])\nother = 3.0\nresult = torch.ops.aten.add.Scalar(self, other)",
    ),
    Formula(
        op="sub",
        node_types=("SubBackward0",),
        forward="Subtracts the second tensor, times alpha, from the first.",
        backward=(
            "The first gets the gradient unchanged, the second with the opposite sign; "
            "where one was broadcast, it is summed over the broadcast dimensions."
        ),
        gradients=(
            GradientTo("self", "grad", "grad"),
            GradientTo("other", "-alpha · grad", "-grad * alpha.conjugate()"),
        ),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\nother = tensor([[1.0], [2.0]])\nalpha = 1\n"
        "result = torch.sub(self, other, alpha=alpha)",
    ),
    Formula(
        op="sub",
        node_types=("SubBackward1",),
        forward="Subtracts a number from every element.",
        backward="The gradient goes through unchanged.",
        gradients=(GradientTo("self", "grad", "grad"),),
        example="self = tensor([1.0, 2.0])\nother = 3.0\nresult = torch.ops.aten.sub.Scalar(self, other)",
    ),
    Formula(
        op="rsub",
        node_types=("RsubBackward0",),
        forward="Subtracts the first tensor, times alpha, from the second.",
        backward="The first gets the gradient with the opposite sign, the second gets it unchanged.",
        gradients=(
            GradientTo("self", "-alpha · grad", "-grad * alpha.conjugate()"),
            GradientTo("other", "grad", "grad"),
        ),
        example="self = tensor([1.0, 2.0])\nother = tensor([5.0, 5.0])\nalpha = 1\nresult = torch.rsub(self, other)",
    ),
    Formula(
        op="rsub",
        node_types=("RsubBackward1",),
        forward="Subtracts every element from a number: 1 - x.",
        backward="The gradient changes its sign.",
        gradients=(GradientTo("self", "-alpha · grad", "-grad * alpha.conjugate()"),),
        example="self = tensor([1.0, 2.0])\nother = 5.0\nalpha = 1\nresult = torch.rsub(self, other)",
    ),
    Formula(
        op="lerp",
        node_types=("LerpBackward0",),
        forward="Moves from one tensor towards another by a fixed share: start + weight·(end - start).",
        backward="The start gets the share 1 - weight of the gradient, the end gets the share weight.",
        gradients=(
            GradientTo("self", "grad · (1 - weight)", "grad * (1 - weight).conjugate()"),
            GradientTo("end", "grad · weight", "grad * weight.conjugate()"),
        ),
        example="self = tensor([1.0, 2.0])\nend = tensor([3.0, 10.0])\nweight = 0.25\n"
        "result = torch.lerp(self, end, weight)",
    ),
    Formula(
        op="lerp",
        node_types=("LerpBackward1",),
        forward="Moves from one tensor towards another by a share of its own for every element.",
        backward=(
            "The start gets the share 1 - weight of the gradient, the end the share weight, "
            "the weight the gradient times the distance from start to end."
        ),
        gradients=(
            GradientTo("self", "grad · (1 - weight)", "grad * (1 - weight).conj()"),
            GradientTo("end", "grad · weight", "grad * weight.conj()"),
            GradientTo("weight", "grad · (end - self)", "grad * (end - self).conj()"),
        ),
        example="self = tensor([1.0, 2.0])\nend = tensor([3.0, 10.0])\nweight = tensor([0.25, 0.5])\n"
        "result = torch.lerp(self, end, weight)",
    ),
)

PRODUCTS = (
    Formula(
        op="mul",
        node_types=("MulBackward0",),
        forward="Multiplies two tensors element by element.",
        backward=(
            "The gradient goes, multiplied by the other factor, to both factors; "
            "where a factor was broadcast, it is summed over the broadcast dimensions."
        ),
        gradients=(
            GradientTo("self", "grad · other", "grad * other.conj()"),
            GradientTo("other", "grad · self", "grad * self.conj()"),
        ),
        example="self = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])\nother = tensor([10.0, 20.0, 30.0])\n"
        "result = torch.mul(self, other)",
    ),
    Formula(
        op="mul",
        node_types=("MulBackward1",),
        forward="Multiplies every element by a number.",
        backward="The gradient is multiplied by the same number.",
        gradients=(GradientTo("self", "grad · other", "grad * other.conjugate()"),),
        example="self = tensor([1.0, 2.0])\nother = 3.0\nresult = torch.ops.aten.mul.Scalar(self, other)",
    ),
    Formula(
        op="div",
        node_types=("DivBackward0",),
        forward="Divides two tensors element by element.",
        backward=(
            "The numerator gets the gradient divided by the denominator; the denominator gets it times -numerator/denominator². "
            "Where one was broadcast, it is summed over the broadcast dimensions."
        ),
        gradients=(
            GradientTo("self", "grad / other", "grad / other.conj()"),
            GradientTo("other", "-grad · self / other²", "-grad * (self / other / other).conj()"),
        ),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\nother = tensor([2.0, 4.0])\nresult = torch.div(self, other)",
    ),
    Formula(
        op="div",
        node_types=("DivBackward1",),
        forward="Divides every element by a number.",
        backward="The gradient is divided by the same number.",
        gradients=(GradientTo("self", "grad / other", "grad / other.conjugate()"),),
        example="self = tensor([1.0, 2.0])\nother = 4.0\nresult = torch.ops.aten.div.Scalar(self, other)",
    ),
    Formula(
        op="div",
        node_types=("DivBackward2",),
        forward="Divides and rounds the quotient (rounding_mode 'floor' or 'trunc'); without a mode it is plain division.",
        backward="No gradient gets through a rounded quotient: it is constant between its jumps.",
        gradients=(
            GradientTo(
                "self",
                "0 (grad / other without rounding)",
                "torch.zeros_like(grad) if rounding_mode else grad / other.conj()",
            ),
            GradientTo(
                "other",
                "0 (-grad · self / other² without rounding)",
                "torch.zeros_like(grad) if rounding_mode else -grad * (self / other / other).conj()",
            ),
        ),
        example="self = tensor([7.0, 8.0])\nother = tensor([2.0, 3.0])\nrounding_mode = 'floor'\n"
        "result = torch.div(self, other, rounding_mode=rounding_mode)",
        aliases=("floor_divide",),
    ),
    Formula(
        op="fmod",
        node_types=("FmodBackward1",),
        forward="Keeps the remainder of a division, with the sign of the dividend.",
        backward="The dividend gets the gradient unchanged; the divisor gets it times minus the quotient cut to a whole number.",
        gradients=(
            GradientTo("self", "grad", "grad"),
            GradientTo("other", "-grad · trunc(self / other)", "-grad * torch.div(self, other, rounding_mode='trunc')"),
        ),
        example="self = tensor([7.0, -8.0])\nother = tensor([2.0, 3.0])\nresult = torch.fmod(self, other)",
    ),
    Formula(
        op="remainder",
        node_types=("RemainderBackward1",),
        forward="Keeps the remainder of a division, with the sign of the divisor.",
        backward="The dividend gets the gradient unchanged; the divisor gets it times minus the quotient rounded down.",
        gradients=(
            GradientTo("self", "grad", "grad"),
            GradientTo("other", "-grad · floor(self / other)", "-grad * torch.div(self, other, rounding_mode='floor')"),
        ),
        example="self = tensor([7.0, -8.0])\nother = tensor([2.0, 3.0])\nresult = torch.remainder(self, other)",
    ),
    Formula(
        op="remainder",
        node_types=("RemainderBackward0", "FmodBackward0"),
        forward="Keeps the remainder of a division by a number.",
        backward="The gradient goes through unchanged: between the jumps the remainder rises like its input.",
        gradients=(GradientTo("self", "grad", "grad"),),
        example="self = tensor([7.0, -8.0])\nother = 3.0\nresult = torch.remainder(self, other)",
        aliases=("fmod",),
    ),
    Formula(
        op="addcmul",
        node_types=("AddcmulBackward0",),
        forward="Computes self + value · tensor1 · tensor2, element by element.",
        backward="The summand gets the gradient unchanged; each factor gets it times value and the other factor.",
        gradients=(
            GradientTo("self", "grad", "grad"),
            GradientTo("tensor1", "grad · value · tensor2", "grad * (tensor2 * value).conj()"),
            GradientTo("tensor2", "grad · value · tensor1", "grad * (tensor1 * value).conj()"),
        ),
        example="self = tensor([1.0, 2.0])\ntensor1 = tensor([3.0, 4.0])\ntensor2 = tensor([5.0, 6.0])\nvalue = 0.5\n"
        "result = torch.addcmul(self, tensor1, tensor2, value=value)",
    ),
    Formula(
        op="addcdiv",
        node_types=("AddcdivBackward0",),
        forward="Computes self + value · tensor1 / tensor2, element by element.",
        backward=(
            "The summand gets the gradient unchanged; the numerator gets it times value / tensor2, "
            "the denominator times -value · tensor1 / tensor2²."
        ),
        gradients=(
            GradientTo("self", "grad", "grad"),
            GradientTo("tensor1", "grad · value / tensor2", "grad * (value / tensor2).conj()"),
            GradientTo(
                "tensor2",
                "-grad · value · tensor1 / tensor2²",
                "-grad * (value * tensor1 / (tensor2 * tensor2)).conj()",
            ),
        ),
        example="self = tensor([1.0, 2.0])\ntensor1 = tensor([3.0, 4.0])\ntensor2 = tensor([5.0, 8.0])\nvalue = 0.5\n"
        "result = torch.addcdiv(self, tensor1, tensor2, value=value)",
    ),
)

CHOICES = (
    Formula(
        op="where",
        node_types=("WhereBackward0",),
        forward="Takes each element from the first tensor where the condition holds, else from the second.",
        backward=(
            "Each element of the gradient goes to the tensor from which the element was taken; the other gets 0. "
            "That 0 is multiplied on in the untaken branch: where its own derivative is infinite, NaN comes out."
        ),
        gradients=(
            GradientTo("self", "grad where condition, else 0", "torch.where(condition, grad, 0)"),
            GradientTo("other", "0 where condition, else grad", "torch.where(condition, 0, grad)"),
        ),
        example="condition = tensor([True, False, True])\nself = tensor([1.0, 2.0, 3.0])\n"
        "other = tensor([10.0, 20.0, 30.0])\nresult = torch.where(condition, self, other)",
    ),
    Formula(
        op="maximum",
        node_types=("MaximumBackward0",),
        forward="Takes the larger of two elements.",
        backward="Each element of the gradient goes to the larger input; where both are equal, each gets half.",
        gradients=(
            GradientTo(
                "self",
                "grad where self > other, grad/2 where equal, else 0",
                "torch.where(self == other, grad / 2, grad).masked_fill(self < other, 0)",
            ),
            GradientTo(
                "other",
                "grad where other > self, grad/2 where equal, else 0",
                "torch.where(self == other, grad / 2, grad).masked_fill(self > other, 0)",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nother = tensor([3.0, 2.0, 1.0])\nresult = torch.maximum(self, other)",
    ),
    Formula(
        op="minimum",
        node_types=("MinimumBackward0",),
        forward="Takes the smaller of two elements.",
        backward="Each element of the gradient goes to the smaller input; where both are equal, each gets half.",
        gradients=(
            GradientTo(
                "self",
                "grad where self < other, grad/2 where equal, else 0",
                "torch.where(self == other, grad / 2, grad).masked_fill(self > other, 0)",
            ),
            GradientTo(
                "other",
                "grad where other < self, grad/2 where equal, else 0",
                "torch.where(self == other, grad / 2, grad).masked_fill(self < other, 0)",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nother = tensor([3.0, 2.0, 1.0])\nresult = torch.minimum(self, other)",
    ),
    Formula(
        op="fmax",
        node_types=("FmaxBackward0",),
        forward="Takes the larger of two elements, and the number where one is NaN.",
        backward="Each element of the gradient goes whole to the input that was taken; of two equal ones to the first.",
        gradients=(
            GradientTo(
                "self", "grad where self ≥ other, else 0", "torch.where((self >= other) | other.isnan(), grad, 0)"
            ),
            GradientTo(
                "other", "grad where other > self, else 0", "torch.where((self >= other) | other.isnan(), 0, grad)"
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nother = tensor([3.0, 2.0, 1.0])\nresult = torch.fmax(self, other)",
    ),
    Formula(
        op="fmin",
        node_types=("FminBackward0",),
        forward="Takes the smaller of two elements, and the number where one is NaN.",
        backward="Each element of the gradient goes whole to the input that was taken; of two equal ones to the first.",
        gradients=(
            GradientTo(
                "self", "grad where self ≤ other, else 0", "torch.where((self <= other) | other.isnan(), grad, 0)"
            ),
            GradientTo(
                "other", "grad where other < self, else 0", "torch.where((self <= other) | other.isnan(), 0, grad)"
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nother = tensor([3.0, 2.0, 1.0])\nresult = torch.fmin(self, other)",
    ),
    Formula(
        op="clamp",
        node_types=("ClampBackward1",),
        forward="Limits every element to [min, max].",
        backward="The gradient goes through where the input lies within the limits, edges included; clamped elements get none.",
        gradients=(GradientTo("self", "grad where min ≤ self ≤ max, else 0", "grad * inside"),),
        where=(
            (
                "inside",
                "(self >= (-math.inf if min is None else min)) & (self <= (math.inf if max is None else max))",
            ),
        ),
        example="self = tensor([-1.0, 0.5, 2.0])\nmin = 0.0\nmax = 1.0\nresult = torch.clamp(self, min, max)",
        aliases=("clip",),
    ),
    Formula(
        op="clamp",
        node_types=("ClampBackward0",),
        forward="Limits every element to limits given by tensors.",
        backward="Each element of the gradient goes to the input if it lies within the limits, else to the limit that replaced it.",
        gradients=(
            GradientTo("self", "grad where min ≤ self ≤ max, else 0", "grad * ((self >= low) & (self <= high))"),
            GradientTo("min", "grad where self < min < max, else 0", "grad * ((self < low) & (low < high))"),
            GradientTo("max", "grad where self > max or max < min, else 0", "grad * ((self > high) | (high < low))"),
        ),
        where=(
            ("low", "torch.full_like(self, -math.inf) if min is None else min"),
            ("high", "torch.full_like(self, math.inf) if max is None else max"),
        ),
        example="self = tensor([-1.0, 0.5, 2.0])\nmin = tensor([0.0, 0.0, 0.0])\nmax = tensor([1.0, 1.0, 1.0])\n"
        "result = torch.clamp(self, min, max)",
    ),
    Formula(
        op="clamp_min",
        node_types=("ClampMinBackward0",),
        forward="Replaces elements below a limit by the limit.",
        backward="The gradient goes through where the input is at least the limit; clamped elements get none.",
        gradients=(GradientTo("self", "grad where self ≥ min, else 0", "grad * (self >= min)"),),
        example="self = tensor([-1.0, 0.5, 2.0])\nmin = 0.0\nresult = torch.clamp_min(self, min)",
    ),
    Formula(
        op="clamp_max",
        node_types=("ClampMaxBackward0",),
        forward="Replaces elements above a limit by the limit.",
        backward="The gradient goes through where the input is at most the limit; clamped elements get none.",
        gradients=(GradientTo("self", "grad where self ≤ max, else 0", "grad * (self <= max)"),),
        example="self = tensor([-1.0, 0.5, 2.0])\nmax = 1.0\nresult = torch.clamp_max(self, max)",
    ),
    Formula(
        op="clamp_min",
        node_types=("ClampMinBackward1",),
        forward="Replaces elements below a limit of their own by it.",
        backward="Each element of the gradient goes to the input if it is at least the limit, else to the limit.",
        gradients=(
            GradientTo("self", "grad where self ≥ min, else 0", "grad * (self >= min)"),
            GradientTo("min", "grad where self < min, else 0", "grad * (self < min)"),
        ),
        example="self = tensor([-1.0, 0.5, 2.0])\nmin = tensor([0.0, 1.0, 1.0])\nresult = torch.clamp_min(self, min)",
    ),
    Formula(
        op="clamp_max",
        node_types=("ClampMaxBackward1",),
        forward="Replaces elements above a limit of their own by it.",
        backward="Each element of the gradient goes to the input if it is at most the limit, else to the limit.",
        gradients=(
            GradientTo("self", "grad where self ≤ max, else 0", "grad * (self <= max)"),
            GradientTo("max", "grad where self > max, else 0", "grad * (self > max)"),
        ),
        example="self = tensor([-1.0, 0.5, 2.0])\nmax = tensor([0.0, 1.0, 1.0])\nresult = torch.clamp_max(self, max)",
    ),
    Formula(
        op="copysign",
        node_types=("CopysignBackward0",),
        forward="Gives the size of the first element the sign of the second.",
        backward="The first gets the gradient, with the opposite sign where its sign was changed, and 0 at 0; the second gets none.",
        gradients=(
            GradientTo("self", "grad · sign(self) · sign(result)", "grad * self.sgn() * result.sgn()"),
            GradientTo("other", "0", "torch.zeros_like(other)"),
        ),
        example="self = tensor([1.0, -2.0])\nother = tensor([-1.0, -1.0])\nresult = torch.copysign(self, other)",
    ),
)

PAIRS = (
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

FORMULAS = (*SUMS, *PRODUCTS, *CHOICES, *PAIRS)

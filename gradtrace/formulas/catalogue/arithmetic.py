"""Sums and products of two and three tensors, element by element, with broadcasting."""

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

FORMULAS = (*SUMS, *PRODUCTS)

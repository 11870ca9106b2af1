"""Variance, norms and distances."""

from gradtrace.formulas.formula import Formula, GradientTo

_KEPT = ("kept", "grad.reshape(self.sum(dim, keepdim=True).shape)")
"""The gradient with the reduced dimensions put back as size 1."""

_FREEDOM = ("freedom", "max(self.numel() / max(kept.numel(), 1) - (1 if correction is None else correction), 0)")
"""What the sum of squares is divided by."""

SPREAD = (
    Formula(
        op="var",
        node_types=("VarBackward0",),
        forward="Computes the variance along dimensions: the mean square distance from the mean, divided by n - correction.",
        backward="Each element gets the gradient times twice its distance from the mean, divided by n - correction.",
        gradients=(
            GradientTo("self", "grad · 2 · (self - mean) / (n - correction)", "kept * 2 * (self - mean) / freedom"),
        ),
        where=(
            _KEPT,
            ("mean", "self.mean(dim, keepdim=True)"),
            _FREEDOM,
        ),
        example="self = tensor([[1.0, 2.0, 6.0]])\ndim = 1\ncorrection = 1\n"
        "result = torch.var(self, dim, correction=correction)",
    ),
    Formula(
        op="std",
        node_types=("StdBackward0",),
        forward="Computes the standard deviation along dimensions: the root of the variance.",
        backward="Each element gets the gradient times its distance from the mean, divided by (n - correction)·result; 0 where the result is 0.",
        gradients=(
            GradientTo(
                "self",
                "grad · (self - mean) / ((n - correction) · result)",
                "(kept / (result.reshape(kept.shape) * 2)).masked_fill(result.reshape(kept.shape) == 0, 0)"
                " * 2 * (self - mean) / freedom",
            ),
        ),
        where=(
            _KEPT,
            ("mean", "self.mean(dim, keepdim=True)"),
            _FREEDOM,
        ),
        example="self = tensor([[1.0, 2.0, 6.0]])\ndim = 1\ncorrection = 1\n"
        "result = torch.std(self, dim, correction=correction)",
    ),
    Formula(
        op="norm",
        node_types=("LinalgVectorNormBackward0",),
        forward="Computes the length along dimensions: for ord 2 the root of the sum of squares, in general (Σ|x|ᵖ)^(1/p).",
        backward=(
            "Each element gets the gradient times its share of the length: x/result for ord 2, its sign for ord 1; "
            "for ord ∞ the largest elements share it. Where the result is 0, so is the gradient."
        ),
        gradients=(
            GradientTo(
                "self",
                "grad · self / result (ord 2)",
                "g * (self / r).masked_fill(r == 0, 0) if ord == 2"
                " else g * self.sgn() if ord == 1"
                " else torch.zeros_like(self) if ord == 0"
                " else g * self.sgn() * top / top.sum(dim, keepdim=True) if abs(ord) == math.inf"
                " else g * self.sgn() * ((self.abs() / r).pow(ord - 1)).masked_fill((r == 0) | (self == 0), 0)",
            ),
        ),
        where=(
            ("kept", "self.sum(dim, keepdim=True).shape"),
            ("g", "grad.reshape(kept)"),
            ("r", "result.reshape(kept)"),
            ("top", "(self.abs() == r).to(r.dtype)"),
        ),
        example="self = tensor([[3.0, 4.0], [0.0, 2.0]])\nord = 2\ndim = [1]\n"
        "result = torch.linalg.vector_norm(self, ord, dim)",
        aliases=("vector_norm", "linalg_vector_norm"),
    ),
    Formula(
        op="norm",
        node_types=("NormBackward1",),
        forward="Computes the p-norm along dimensions (torch's older function).",
        backward="Each element gets the gradient times its share of the length: for p = 2, x/result.",
        gradients=(
            GradientTo(
                "self",
                "grad · self / result (p = 2)",
                "g * (self / r).masked_fill(r == 0, 0) if p in (None, 2)"
                " else g * self.sgn() if p == 1"
                " else torch.zeros_like(self) if p == 0"
                " else g * self.sgn() * top / top.sum(dim, keepdim=True) if abs(p) == math.inf"
                " else g * self.sgn() * ((self.abs() / r).pow(p - 1)).masked_fill((r == 0) | (self == 0), 0)",
            ),
        ),
        where=(
            ("kept", "self.sum(dim, keepdim=True).shape"),
            ("g", "grad.reshape(kept)"),
            ("r", "result.reshape(kept)"),
            ("top", "(self.abs() == r).to(r.dtype)"),
        ),
        example="self = tensor([[3.0, 4.0], [0.0, 2.0]])\np = 2\ndim = [1]\n"
        "result = torch.ops.aten.norm.ScalarOpt_dim(self, p, dim)",
    ),
    Formula(
        op="dist",
        node_types=("DistBackward0",),
        forward="Computes the p-norm of the difference of two tensors.",
        backward="The first gets the gradient times its share of the distance, (x - y)/result for p = 2; the second the opposite.",
        gradients=(
            GradientTo("self", "grad · (self - other) / result (p = 2)", "grad * slope"),
            GradientTo("other", "-grad · (self - other) / result (p = 2)", "-grad * slope"),
        ),
        where=(
            ("d", "self - other"),
            ("top", "(d.abs() == result).to(result.dtype)"),
            (
                "slope",
                (
                    "(d / result).masked_fill(result == 0, 0) if p == 2 else d.sgn() if p == 1"
                    " else torch.zeros_like(d) if p == 0"
                    " else d.sgn() * top / top.sum() if abs(p) == math.inf"
                    " else d.sgn() * (d.abs() / result).pow(p - 1).masked_fill((result == 0) | (d == 0), 0)"
                ),
            ),
        ),
        example="self = tensor([3.0, 4.0])\nother = tensor([0.0, 0.0])\np = 2\nresult = torch.dist(self, other, p)",
    ),
)

BOTH = (
    Formula(
        op="var_mean",
        node_types=("VarMeanBackward0",),
        forward="Computes variance and mean along dimensions.",
        backward="Each element gets what var sends, 2·(x - mean)/(n - correction) times its gradient, and what mean sends, 1/n of its.",
        gradients=(
            GradientTo(
                "self",
                "grads[0] · 2 · (self - mean) / (n - correction) + grads[1] / n",
                "kept * 2 * (self - mean) / freedom"
                " + (grads[1].reshape(kept.shape) * kept.numel() / self.numel()).expand_as(self)",
            ),
        ),
        where=(_KEPT, ("mean", "self.mean(dim, keepdim=True)"), _FREEDOM),
        example="self = tensor([[1.0, 2.0, 6.0]])\ndim = 1\ncorrection = 1\n"
        "result0, result1 = torch.var_mean(self, dim, correction=correction)",
    ),
    Formula(
        op="std_mean",
        node_types=("StdMeanBackward0",),
        forward="Computes standard deviation and mean along dimensions.",
        backward="Each element gets what std sends, (x - mean)/((n - correction)·std) times its gradient, and what mean sends, 1/n of its.",
        gradients=(
            GradientTo(
                "self",
                "grads[0] · (self - mean) / ((n - correction) · std) + grads[1] / n",
                "(kept / std).masked_fill(std == 0, 0) * (self - mean) / freedom"
                " + (grads[1].reshape(kept.shape) * kept.numel() / self.numel()).expand_as(self)",
            ),
        ),
        where=(
            _KEPT,
            ("mean", "self.mean(dim, keepdim=True)"),
            ("std", "result0.reshape(kept.shape)"),
            _FREEDOM,
        ),
        example="self = tensor([[1.0, 2.0, 6.0]])\ndim = 1\ncorrection = 1\n"
        "result0, result1 = torch.std_mean(self, dim, correction=correction)",
    ),
    Formula(
        op="aminmax",
        node_types=("AminmaxBackward0",),
        forward="Takes the smallest and the largest element along a dimension.",
        backward="Each of the two gradients goes to its element; where several are equal, each gets an equal share.",
        gradients=(
            GradientTo(
                "self",
                "grads[0] / count where self = min, plus grads[1] / count where self = max",
                "grads[0].reshape(kept) * low / low.sum(over, keepdim=True)"
                " + grads[1].reshape(kept) * high / high.sum(over, keepdim=True)",
            ),
        ),
        where=(
            ("over", "list(range(self.dim())) if dim is None else dim"),
            ("kept", "self.sum(over, keepdim=True).shape"),
            ("low", "(self == min.reshape(kept)).to(self.dtype)"),
            ("high", "(self == max.reshape(kept)).to(self.dtype)"),
        ),
        example="self = tensor([[1.0, 5.0, 5.0]])\ndim = 1\nmin, max = torch.aminmax(self, dim=dim)",
    ),
    Formula(
        op="cdist",
        node_types=("CdistBackward0",),
        forward="Computes the p-norm distance of every pair of rows, one from each matrix.",
        backward="Each row gets, from every pair it is in, the gradient times its share of the distance: (x - y)/distance for p = 2.",
        gradients=(
            GradientTo("x1", "Σ grad · (x1 - x2) / result (p = 2)", "(grad.unsqueeze(-1) * slope).sum(-2)"),
            GradientTo("x2", "-Σ grad · (x1 - x2) / result (p = 2)", "-(grad.unsqueeze(-1) * slope).sum(-3)"),
        ),
        where=(
            ("d", "x1.unsqueeze(-2) - x2.unsqueeze(-3)"),
            ("r", "result.unsqueeze(-1)"),
            (
                "slope",
                (
                    "torch.zeros_like(d) if p == 0 else d.sgn() if p == 1"
                    " else d.sgn() * (d.abs() == r) if p == math.inf"
                    " else d.sgn() * ((d.abs() / r).pow(p - 1)).masked_fill((r == 0) | (d == 0), 0)"
                ),
            ),
        ),
        example="x1 = tensor([[0.0, 0.0]])\nx2 = tensor([[3.0, 4.0], [1.0, 0.0]])\np = 2.0\nresult = torch.cdist(x1, x2, p)",
    ),
)

FORMULAS = (*SPREAD, *BOTH)

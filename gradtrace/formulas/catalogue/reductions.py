"""Reductions to fewer elements, and cumulative ones."""

from gradtrace.formulas.formula import Formula, GradientTo

_KEPT = ("kept", "grad.reshape(self.sum(dim, keepdim=True).shape)")
"""The gradient with the reduced dimensions put back as size 1."""

SUMS = (
    Formula(
        op="sum",
        node_types=("SumBackward0",),
        forward="Adds all elements.",
        backward="Every element gets the whole gradient: it is expanded to the shape of the input.",
        gradients=(GradientTo("self", "grad, to every element", "grad.expand_as(self)"),),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\nresult = torch.sum(self)",
    ),
    Formula(
        op="sum",
        node_types=("SumBackward1",),
        forward="Adds the elements along dimensions.",
        backward="The gradient is repeated along the summed dimensions: every summand gets the whole of it.",
        gradients=(GradientTo("self", "grad, repeated along dim", "kept.expand_as(self)"),),
        where=(_KEPT,),
        example="self = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])\ndim = 1\nresult = torch.sum(self, dim)",
    ),
    Formula(
        op="nansum",
        node_types=("NansumBackward0",),
        forward="Adds elements, counting NaN as 0.",
        backward="The gradient is repeated along the summed dimensions; NaN elements get none.",
        gradients=(GradientTo("self", "grad, repeated along dim, 0 at NaN", "kept.expand_as(self) * ~self.isnan()"),),
        where=(_KEPT,),
        example="self = tensor([[1.0, math.nan], [3.0, 4.0]])\ndim = 1\nresult = torch.nansum(self, dim)",
    ),
    Formula(
        op="mean",
        node_types=("MeanBackward0",),
        forward="Averages all elements.",
        backward="Every element gets the same share of the gradient: it divided by the number of elements.",
        gradients=(GradientTo("self", "grad / n, to each of n elements", "grad.expand_as(self) / self.numel()"),),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\nresult = torch.mean(self)",
    ),
    Formula(
        op="mean",
        node_types=("MeanBackward1",),
        forward="Averages the elements along dimensions.",
        backward="The gradient is repeated along the averaged dimensions and divided by the number of elements averaged.",
        gradients=(
            GradientTo("self", "grad / n, repeated along dim", "kept.expand_as(self) * kept.numel() / self.numel()"),
        ),
        where=(_KEPT,),
        example="self = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])\ndim = 1\nresult = torch.mean(self, dim)",
    ),
    Formula(
        op="trace",
        node_types=("TraceBackward0",),
        forward="Adds the diagonal of a matrix.",
        backward="Every element of the diagonal gets the gradient; the others get none.",
        gradients=(GradientTo("self", "grad · I", "grad * torch.eye(*self.shape, dtype=grad.dtype)"),),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\nresult = torch.trace(self)",
    ),
    Formula(
        op="logsumexp",
        node_types=("LogsumexpBackward0",),
        forward="Computes ln Σ eˣ along dimensions, a smooth maximum.",
        backward="The gradient is divided among the elements in proportion to eˣ: by their softmax.",
        gradients=(
            GradientTo(
                "self",
                "grad · e^(self - result)",
                "grad.reshape(kept) * (self - result.reshape(kept).masked_fill(result.reshape(kept).abs() == math.inf, 0)).exp().conj()",
            ),
        ),
        where=(("kept", "self.sum(dim, keepdim=True).shape"),),
        example="self = tensor([[1.0, 2.0, 3.0]])\ndim = [1]\nresult = torch.logsumexp(self, dim)",
    ),
)

PRODUCTS = (
    Formula(
        op="prod",
        node_types=("ProdBackward0",),
        forward="Multiplies all elements.",
        backward="Each element gets the gradient times the product of all the others.",
        gradients=(
            GradientTo(
                "self",
                "grad · Π of the other elements",
                "(grad * others.prod(1).conj()).reshape(self.shape)",
            ),
        ),
        where=(("others", "torch.where(torch.eye(self.numel(), dtype=torch.bool), 1, self.reshape(-1))"),),
        example="self = tensor([2.0, 3.0, 4.0])\nresult = torch.prod(self)",
    ),
    Formula(
        op="prod",
        node_types=("ProdBackward1",),
        forward="Multiplies the elements along a dimension.",
        backward="Each element gets the gradient times the product of the others along the dimension.",
        gradients=(
            GradientTo(
                "self",
                "grad · Π of the others along dim",
                "(grad if keepdim else grad.unsqueeze(dim)) * others.prod(-1).movedim(-1, dim).conj()"
                " if self.dim() else grad",
            ),
        ),
        where=(
            (
                "others",
                (
                    "torch.where(torch.eye(self.shape[dim], dtype=torch.bool), 1, self.movedim(dim, -1).unsqueeze(-2))"
                    " if self.dim() else self"
                ),
            ),
        ),
        example="self = tensor([[2.0, 3.0, 4.0]])\ndim = 1\nkeepdim = False\nresult = torch.prod(self, dim, keepdim)",
    ),
    Formula(
        op="cumsum",
        node_types=("CumsumBackward0",),
        forward="Adds up the elements along a dimension, keeping every partial sum.",
        backward="Each element gets the sum of the gradients from its own position to the end: a cumulative sum from behind.",
        gradients=(
            GradientTo(
                "self", "Σ grad from here to the end", "grad.flip(dim).cumsum(dim).flip(dim) if self.dim() else grad"
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nresult = torch.cumsum(self, dim)",
    ),
    Formula(
        op="cumprod",
        node_types=("CumprodBackward0",),
        forward="Multiplies up the elements along a dimension, keeping every partial product.",
        backward=(
            "Each element gets, from its own position to the end, the sum of gradients times the partial products "
            "with that element left out (for elements that are not 0: times the product, divided by the element)."
        ),
        gradients=(
            GradientTo(
                "self",
                "Σₖ≥ᵢ gradₖ · Π of the elements up to k but i",
                "(self.movedim(dim, -1).unsqueeze(-2).masked_fill(diagonal, 1).cumprod(-1).conj() * later"
                " * grad.movedim(dim, -1).unsqueeze(-2)).sum(-1).movedim(-1, dim) if self.dim() else grad",
            ),
        ),
        where=(
            ("diagonal", "torch.eye(self.shape[dim] if self.dim() else 1, dtype=torch.bool)"),
            ("later", "torch.ones_like(diagonal).triu()"),
        ),
        example="self = tensor([2.0, 3.0, 4.0])\ndim = 0\nresult = torch.cumprod(self, dim)",
    ),
    Formula(
        op="logcumsumexp",
        node_types=("LogcumsumexpBackward0",),
        forward="Computes ln Σ eˣ of the elements up to each position.",
        backward="Each element gets the gradients from its position to the end, each times its share e^(x - result) in that sum.",
        gradients=(
            GradientTo(
                "self",
                "Σₖ≥ᵢ gradₖ · e^(selfᵢ - resultₖ)",
                "(((x.unsqueeze(-1) - y.unsqueeze(-2)).exp().conj() * g.unsqueeze(-2)).masked_fill(~later, 0)).sum(-1)"
                ".movedim(-1, dim) if self.dim() else grad",
            ),
        ),
        where=(
            ("x", "self.movedim(dim, -1) if self.dim() else self"),
            ("y", "result.movedim(dim, -1) if self.dim() else result"),
            ("g", "grad.movedim(dim, -1) if self.dim() else grad"),
            ("later", "torch.ones(self.shape[dim], self.shape[dim], dtype=torch.bool).triu() if self.dim() else None"),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nresult = torch.logcumsumexp(self, dim)",
    ),
)


def _chosen(op: str, node_types: tuple[str, ...], forward: str, example: str, backward: str = "") -> Formula:
    """Ops that hand on chosen elements along a dimension, and say which in `indices`."""
    return Formula(
        op=op,
        node_types=node_types,
        forward=forward,
        backward=backward or "The gradient goes to the element that was taken, and to no other.",
        gradients=(
            GradientTo(
                "self",
                "grad at the element taken, else 0",
                "torch.zeros_like(self).scatter(dim, at, kept)",
            ),
        ),
        where=(
            ("at", "indices.unsqueeze(dim) if self.dim() > indices.dim() else indices"),
            ("kept", "grad.reshape(at.shape)"),
        ),
        example=example,
    )


_MATRIX = "self = tensor([[1.0, 5.0, 3.0], [9.0, 2.0, 4.0]])\ndim = 1\n"

CHOSEN = (
    _chosen(
        "max",
        ("MaxBackward0",),
        "Takes the largest element along a dimension, and gives its index.",
        _MATRIX + "values, indices = torch.max(self, dim)",
    ),
    _chosen(
        "min",
        ("MinBackward0",),
        "Takes the smallest element along a dimension, and gives its index.",
        _MATRIX + "values, indices = torch.min(self, dim)",
    ),
    _chosen(
        "median",
        ("MedianBackward1", "NanmedianBackward1"),
        "Takes the middle element along a dimension (the lower of two), and gives its index.",
        _MATRIX + "values, indices = torch.median(self, dim)",
    ),
    _chosen(
        "mode",
        ("ModeBackward0",),
        "Takes the most frequent element along a dimension, and gives its index.",
        "self = tensor([[1.0, 5.0, 1.0], [9.0, 2.0, 2.0]])\ndim = 1\nvalues, indices = torch.mode(self, dim)",
    ),
    _chosen(
        "kthvalue",
        ("KthvalueBackward0",),
        "Takes the k-th smallest element along a dimension, and gives its index.",
        _MATRIX + "k = 2\nvalues, indices = torch.kthvalue(self, k, dim)",
    ),
    _chosen(
        "sort",
        ("SortBackward0", "SortBackward1"),
        "Orders the elements along a dimension, and gives the old position of each.",
        _MATRIX + "values, indices = torch.sort(self, dim)",
        "Each element of the gradient goes back to the position from which its value came.",
    ),
    _chosen(
        "topk",
        ("TopkBackward0",),
        "Takes the k largest (or smallest) elements along a dimension, and gives their indices.",
        _MATRIX + "k = 2\nvalues, indices = torch.topk(self, k, dim)",
        "Each element of the gradient goes back to the position from which its value came; elements not taken get none.",
    ),
    *(
        Formula(
            op=op,
            node_types=(node_type,),
            forward=f"Takes the {which} element up to each position along a dimension.",
            backward="Each element of the gradient goes to the element that was the best so far; what one gets adds up.",
            gradients=(
                GradientTo(
                    "self",
                    "Σ grad of the positions that took it",
                    "torch.zeros_like(self).scatter_add(dim, indices, grad) if self.dim() else grad",
                ),
            ),
            example=f"self = tensor([1.0, 3.0, 2.0])\ndim = 0\nvalues, indices = torch.{op}(self, dim)",
        )
        for op, node_type, which in (
            ("cummax", "CummaxBackward0", "largest"),
            ("cummin", "CumminBackward0", "smallest"),
        )
    ),
)

EXTREMES = (
    *(
        Formula(
            op=op,
            node_types=(node_type,),
            forward=f"Takes the {which} of all elements.",
            backward="The gradient goes to that element; where several are equal, each gets an equal share.",
            gradients=(GradientTo("self", "grad / count where self = result, else 0", "grad * (taken / taken.sum())"),),
            where=(("taken", "(self == result) | (self.isnan() & result.isnan())"),),
            example=f"self = tensor([1.0, 5.0, 5.0])\nresult = torch.{op}(self)",
        )
        for op, node_type, which in (
            ("max", "MaxBackward1", "largest"),
            ("min", "MinBackward1", "smallest"),
            ("median", "MedianBackward0", "middle"),
            ("nanmedian", "NanmedianBackward0", "middle"),
        )
    ),
    *(
        Formula(
            op=op,
            node_types=(node_type,),
            forward=f"Takes the {which} element along dimensions.",
            backward="The gradient goes to that element; where several are equal, each gets an equal share.",
            gradients=(
                GradientTo(
                    "self",
                    "grad / count where self = result, else 0",
                    "grad.reshape(kept) * taken / taken.sum(dim, keepdim=True)",
                ),
            ),
            where=(
                ("kept", "self.sum(dim, keepdim=True).shape"),
                ("taken", "(self == result.reshape(kept)).to(grad.dtype)"),
            ),
            example=f"self = tensor([[1.0, 5.0, 5.0], [9.0, 2.0, 9.0]])\ndim = [1]\nresult = torch.{op}(self, dim)",
        )
        for op, node_type, which in (
            ("amax", "AmaxBackward0", "largest"),
            ("amin", "AminBackward0", "smallest"),
        )
    ),
)

FORMULAS = (*SUMS, *PRODUCTS, *CHOSEN, *EXTREMES)

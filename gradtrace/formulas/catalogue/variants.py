"""Further forms of ops: in place, with a number, for many tensors, of other layouts."""

from gradtrace.formulas.formula import Formula, GradientTo

_LINE = "self = tensor([1.0, -2.0, 3.0])\n"
_POSITIVE_ELSE = "grad where result > 0, grad · (result + alpha) elsewhere"

IN_PLACE = (
    Formula(
        op="elu_",
        node_types=("EluBackward1",),
        forward="Applies elu in place.",
        backward="Where the result is positive the gradient passes; elsewhere it is multiplied by result + alpha.",
        gradients=(
            GradientTo(
                "self",
                _POSITIVE_ELSE,
                "grad * torch.where(result > 0, scale + 0 * result, input_scale * (result + alpha * scale))",
            ),
        ),
        example=f"{_LINE}alpha = 1.0\nscale = 1.0\ninput_scale = 1.0\nresult = F.elu_(self.clone(), alpha)",
    ),
    Formula(
        op="celu_",
        node_types=("CeluBackward1",),
        forward="Applies celu in place.",
        backward="Where the result is positive the gradient passes; elsewhere it is multiplied by 1 + result / alpha.",
        gradients=(
            GradientTo(
                "self",
                "grad where result > 0, grad · (1 + result / alpha) elsewhere",
                "grad * torch.where(result > 0, 1.0, 1 + result / alpha)",
            ),
        ),
        example=f"{_LINE}alpha = 2.0\nresult = F.celu_(self.clone(), alpha)",
    ),
    *(
        Formula(
            op=op,
            node_types=(node_type,),
            forward="In training, multiplies each negative element by a random slope; else by the mean of the two limits.",
            backward="The gradient is multiplied by the same slope: 1 for positive elements.",
            gradients=(
                GradientTo(
                    "self",
                    "grad · slope, which is result / self",
                    "grad * torch.where(self > 0, 1.0, torch.where(self == 0, (lower + upper) / 2, result / self))",
                ),
            ),
            example=f"{_LINE}noise = torch.ones(3)\nlower = 0.125\nupper = 0.25\ntraining = {training}\nresult = {call}",
        )
        for op, node_type, training, call in (
            (
                "rrelu",
                "RreluWithNoiseBackward0",
                "True",
                "torch.ops.aten.rrelu_with_noise(self, noise, lower, upper, training)",
            ),
            (
                "rrelu_",
                "RreluWithNoiseBackward1",
                "True",
                "torch.ops.aten.rrelu_with_noise_(self.clone(), noise, lower, upper, training)",
            ),
            (
                "rrelu_with_noise_functional",
                "RreluWithNoiseFunctionalBackward0",
                "False",
                "torch.ops.aten.rrelu_with_noise_functional(self, noise, lower, upper, training)[0]",
            ),
        )
    ),
    Formula(
        op="div",
        node_types=("DivBackward3",),
        forward="Divides by a number, and rounds if rounding_mode says so.",
        backward="The gradient is divided by the number; after rounding it is 0: the result moves in steps.",
        gradients=(
            GradientTo("self", "grad / other, 0 with rounding", "grad / other if rounding_mode is None else 0 * grad"),
        ),
        example=f"{_LINE}other = 2.0\nrounding_mode = None\nresult = torch.ops.aten.div.Scalar_mode(self, other, rounding_mode=rounding_mode)",
    ),
)

_NORM = "Computes the p-norm of {}."
_NORM_BACKWARD = "Each element gets the gradient times its share of the norm: x·|x|^(p-2) / norm^(p-1); for p = 2 the direction x / norm."
_SHARE = "torch.autograd.functional.vjp(lambda x: torch.linalg.vector_norm(x, p, {}), self, {})[1]"

NORMS = (
    *(
        Formula(
            op="norm",
            node_types=(node_type,),
            forward=_NORM.format(what),
            backward=_NORM_BACKWARD,
            gradients=(GradientTo("self", "grad · self · |self|^(p-2) / result^(p-1)", code),),
            example=f"self = tensor([[3.0, 4.0], [1.0, 0.0]])\np = 2\n{setup}result = {call}",
        )
        for node_type, what, code, setup, call in (
            (
                "NormBackward0",
                "all elements",
                _SHARE.format("None", "grad.reshape([])"),
                "",
                "torch.ops.aten.norm.Scalar(self, p)",
            ),
            (
                "NormBackward2",
                "all elements, in a given dtype",
                _SHARE.format("None", "grad.to(self.dtype).reshape([])"),
                "dtype = torch.float32\n",
                "torch.ops.aten.norm.ScalarOpt_dtype(self, p, dtype=dtype)",
            ),
            (
                "NormBackward3",
                "the elements along dimensions, in a given dtype",
                _SHARE.format("dim, keepdim", "grad.to(self.dtype)"),
                "dim = [1]\nkeepdim = False\ndtype = torch.float32\n",
                "torch.ops.aten.norm.ScalarOpt_dim_dtype(self, p, dim, keepdim, dtype=dtype)",
            ),
        )
    ),
    Formula(
        op="renorm",
        node_types=("RenormBackward0",),
        forward="Shortens the slices along a dimension whose p-norm is larger than maxnorm to that length.",
        backward=(
            "Slices that were short enough pass the gradient on. Of a shortened one it is divided by as much, and loses its part "
            "along the slice: its length no longer matters."
        ),
        gradients=(
            GradientTo(
                "self",
                "grad, or (grad - direction · (grad · direction)) · maxnorm / norm where it was shortened",
                "torch.where(length > maxnorm, grad * maxnorm / (length + 1e-7) + turned, grad)",
            ),
        ),
        where=(
            ("over", "[d for d in range(self.dim()) if d != dim % self.dim()]"),
            ("length", "torch.linalg.vector_norm(self, p, over, keepdim=True)"),
            (
                "along",
                "(grad * self.conj()).real.sum(over, keepdim=True) if self.is_complex() else (grad * self).sum(over, keepdim=True)",
            ),
            (
                "turned",
                (
                    "torch.autograd.functional.vjp(lambda x: torch.linalg.vector_norm(x, p, over, keepdim=True), self,"
                    " -along * maxnorm / (length + 1e-7) ** 2)[1]"
                ),
            ),
        ),
        example="self = tensor([[3.0, 4.0], [0.5, 0.0]])\np = 2\ndim = 0\nmaxnorm = 1.0\nresult = torch.renorm(self, p, dim, maxnorm)",
    ),
    Formula(
        op="pdist",
        node_types=("PdistBackward0",),
        forward="Computes the p-norm distance of every pair of rows.",
        backward="Each row gets, from every pair that it is in, the gradient times the direction away from the other row.",
        gradients=(
            GradientTo(
                "self",
                "Σ over pairs of grad · sign(d) · |d|^(p-1) / distance^(p-1), d = own row - other row",
                "torch.zeros_like(self).index_add(0, pairs[0], way).index_add(0, pairs[1], -way)",
            ),
        ),
        where=(
            ("pairs", "torch.triu_indices(len(self), len(self), 1)"),
            ("apart", "self[pairs[0]] - self[pairs[1]]"),
            ("far", "result.unsqueeze(-1)"),
            (
                "shape",
                (
                    "(apart.abs() == far) * apart.sgn() if p == math.inf else 0 * apart if p == 0 else"
                    " apart.sgn() * apart.abs() ** (p - 1) / far ** (p - 1)"
                ),
            ),
            ("way", "grad.unsqueeze(-1) * shape.masked_fill((far == 0) | ((apart == 0) & (p < 2)), 0)"),
        ),
        example="self = tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])\np = 2.0\nresult = F.pdist(self, p)",
    ),
    Formula(
        op="euclidean_dist",
        node_types=("EuclideanDistBackward0",),
        forward="Computes the distance of every row of one tensor from every row of another.",
        backward="Each row gets the gradient times the direction away from the other row, summed over all the other rows.",
        gradients=(
            GradientTo("x1", "Σ grad · (x1 - x2) / distance", "x1 * ratio.sum(-1, keepdim=True) - ratio @ x2"),
            GradientTo("x2", "Σ grad · (x2 - x1) / distance", "x2 * ratio.sum(-2).unsqueeze(-1) - ratio.mT @ x1"),
        ),
        where=(("ratio", "(grad / result).masked_fill(result == 0, 0)"),),
        example="x1 = tensor([[0.0, 0.0], [3.0, 4.0]])\nx2 = tensor([[1.0, 0.0]])\nresult = torch.ops.aten._euclidean_dist(x1, x2)",
    ),
    *(
        Formula(
            op=f"_foreach_{op}",
            node_types=(node_type,),
            forward=f"Takes the {which} of each element and a number, for every tensor of a list.",
            backward="The gradient passes where the element was the result; where both are equal, half of it.",
            gradients=(
                GradientTo(
                    "self*",
                    f"grad where self {sign} scalar, ½ · grad where equal, else 0",
                    f"[g * ((x {sign} s) + 0.5 * (x == s)) for g, x, s in zip(grads, self, scalars)]",
                ),
            ),
            example="self = [tensor([1.0, 5.0]), tensor([2.0])]\nscalars = [3.0, 2.0]\n"
            f"result = torch._foreach_{op}(self, scalars)",
        )
        for op, node_type, which, sign in (
            ("maximum", "ForeachMaximumBackward1", "larger", ">"),
            ("minimum", "ForeachMinimumBackward1", "smaller", "<"),
        )
    ),
    Formula(
        op="_foreach_norm",
        node_types=("ForeachNormBackward0",),
        forward="Computes the norm of every tensor of a list.",
        backward="Each tensor gets its gradient times its own direction: self / norm.",
        gradients=(
            GradientTo(
                "self*",
                "grad · self / result (for ord = 2)",
                "[torch.autograd.functional.vjp(lambda x: torch.linalg.vector_norm(x, ord), x, g)[1] for g, x in zip(grads, self)]",
            ),
        ),
        example="self = [tensor([3.0, 4.0]), tensor([2.0])]\nord = 2\nresult = torch._foreach_norm(self, ord)",
    ),
)

_SAME = "The gradient goes back as it is."
_MOVED = (
    (
        "lift",
        "LiftBackward0",
        "Marks a new tensor for torch.func; the elements stay.",
        _SAME,
        "grad",
        "torch.ops.aten.lift(self)",
    ),
    (
        "lift_fresh",
        "LiftFreshBackward0",
        "Marks a fresh tensor for torch.func; the elements stay.",
        _SAME,
        "grad",
        "torch.ops.aten.lift_fresh(self)",
    ),
    (
        "lift_fresh_copy",
        "LiftFreshBackward0_copy",
        "Copies a fresh tensor for torch.func.",
        _SAME,
        "grad",
        "torch.ops.aten.lift_fresh_copy(self)",
    ),
    (
        "lazy_clone",
        "LazyCloneBackward0",
        "Copies a tensor only when one of the two is written into.",
        _SAME,
        "grad",
        "torch.ops.aten._lazy_clone(self)",
    ),
    (
        "neg_view",
        "NegViewBackward0",
        "Views a tensor with all signs changed.",
        "The gradient changes its sign too.",
        "-grad",
        "torch._neg_view(self)",
    ),
    (
        "neg_view_copy",
        "NegViewBackward0_copy",
        "Copies a tensor with all signs changed.",
        "The gradient changes its sign too.",
        "-grad",
        "torch._neg_view_copy(self)",
    ),
    (
        "reshape_copy",
        "ReshapeCopyBackward0",
        "Copies a tensor into another shape.",
        "The gradient goes back in the input's shape.",
        "grad.reshape(self.shape)",
        "torch.ops.aten._reshape_copy(self, [3, 1])",
    ),
    (
        "to_mkldnn",
        "ToMkldnnBackward0",
        "Lays a tensor out for oneDNN kernels.",
        _SAME,
        "grad",
        "self.to_mkldnn().to_dense()",
    ),
    (
        "mkldnn_reshape",
        "MkldnnReshapeBackward0",
        "Reshapes a tensor that is laid out for oneDNN kernels.",
        "The gradient goes back in the input's shape.",
        "grad.reshape(self.shape)",
        "torch.ops.aten._mkldnn_reshape(self.to_mkldnn(), [3, 1]).to_dense()",
    ),
)

MOVES = (
    *(
        Formula(
            op=op,
            node_types=(node_type,),
            forward=forward,
            backward=backward,
            gradients=(GradientTo("self", "-grad" if code == "-grad" else "grad", code),),
            example=f"{_LINE}result = {call}",
        )
        for op, node_type, forward, backward, code, call in _MOVED
    ),
    Formula(
        op="unsafe_split_with_sizes",
        node_types=("UnsafeSplitWithSizesBackward0",),
        forward="Splits a tensor into pieces of given sizes, which may be written into.",
        backward="The gradients of the pieces are joined again; a piece that sent none counts as zeros.",
        gradients=(GradientTo("self", "the gradients of the pieces, joined", "torch.cat(grads, dim)"),),
        example=f"{_LINE}split_sizes = [1, 2]\ndim = 0\nresult = torch.unsafe_split_with_sizes(self, split_sizes, dim)",
    ),
    Formula(
        op="pack_padded_sequence",
        node_types=("PackPaddedSequenceBackward0",),
        forward="Packs the steps of sequences of different lengths one after the other, without the padding.",
        backward="Each step's gradient goes back to its position; padding gets 0.",
        gradients=(
            GradientTo(
                "input",
                "grad at each step, 0 at the padding",
                "torch._pad_packed_sequence(grad, batch_sizes, batch_first, 0.0, input.shape[1 if batch_first else 0])[0]",
            ),
        ),
        example="input = tensor([[[1.0], [2.0]], [[3.0], [0.0]]])\nlengths = torch.tensor([2, 1])\nbatch_first = True\n"
        "result, batch_sizes = torch._pack_padded_sequence(input, lengths, batch_first)",
    ),
    Formula(
        op="trilinear",
        node_types=("TrilinearBackward0",),
        forward="Multiplies three tensors element by element and sums over dimensions, as nn.Bilinear does.",
        backward="Each factor gets the gradient times the product of the other two, summed over the dimensions that it does not have.",
        gradients=(
            GradientTo("i1", "Σ grad · i2 · i3", "torch._trilinear(grad, i2, i3, sumdim, expand2, expand3, expand1)"),
            GradientTo("i2", "Σ grad · i1 · i3", "torch._trilinear(i1, grad, i3, expand1, sumdim, expand3, expand2)"),
            GradientTo("i3", "Σ grad · i1 · i2", "torch._trilinear(i1, i2, grad, expand1, expand2, sumdim, expand3)"),
        ),
        example="i1 = tensor([[1.0, 2.0]])\ni2 = tensor([[[3.0, 1.0], [0.0, 2.0]]])\ni3 = tensor([[1.0, 4.0]])\nexpand1 = [1, 3]\n"
        "expand2 = [0]\nexpand3 = [1, 2]\nsumdim = [2, 3]\nresult = torch._trilinear(i1, i2, i3, expand1, expand2, expand3, sumdim)",
        aliases=("bilinear",),
    ),
    Formula(
        op="affine_grid",
        node_types=("AffineGridGeneratorBackward0",),
        forward="Makes the grid of positions at which an image is read when it is moved by the matrix theta.",
        backward="The matrix gets the gradient of each position times its coordinates before the move, summed over all positions.",
        gradients=(
            GradientTo(
                "theta",
                "Σ over positions of grad · coordinatesᵀ",
                "grad.flatten(1, -2).mT @ coordinates.flatten(1, -2)",
            ),
        ),
        where=(
            ("n", "theta.shape[-2]"),
            ("plain", "torch.eye(n, n + 1, dtype=theta.dtype).expand(theta.shape)"),
            ("coordinates", "F.pad(F.affine_grid(plain, size, align_corners=align_corners), (0, 1), value=1.0)"),
        ),
        example="theta = tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.5]]])\nsize = [1, 1, 2, 2]\nalign_corners = False\n"
        "result = F.affine_grid(theta, size, align_corners=align_corners)",
        twins=("CudnnAffineGridGeneratorBackward0",),
    ),
)

FORMULAS = (*IN_PLACE, *NORMS, *MOVES)
"""In position, norms and distances, and moves."""

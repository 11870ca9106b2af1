"""Views: the same memory, read in another shape."""

from gradtrace.formulas.formula import Formula, GradientTo

_GRID = "self = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])\n"


def rearranged(
    op: str,
    node_types: tuple[str, ...],
    forward: str,
    backward: str,
    maths: str,
    code: str,
    example: str,
    aliases: tuple[str, ...] = (),
    where: tuple[tuple[str, str], ...] = (),
) -> Formula:
    """Make the entry of an op that only moves elements, or drops or repeats them."""
    return Formula(
        op=op,
        node_types=node_types,
        forward=forward,
        backward=backward,
        gradients=(GradientTo("self", maths, code),),
        example=example,
        where=where,
        aliases=aliases,
    )


FORMULAS = (
    rearranged(
        "view",
        ("ViewBackward0", "UnsafeViewBackward0"),
        "Reads the same elements in another shape.",
        "The gradient is given the shape of the input; its numbers do not change.",
        "grad in the shape of self",
        "grad.reshape(self.shape)",
        _GRID + "size = (3, 2)\nresult = self.view(size)",
        ("reshape", "flatten", "unflatten"),
    ),
    rearranged(
        "reshape",
        ("ReshapeAliasBackward0",),
        "Reads the same elements in another shape, as a view.",
        "The gradient is given the shape of the input; its numbers do not change.",
        "grad in the shape of self",
        "grad.reshape(self.shape)",
        _GRID + "result = torch.ops.aten._reshape_alias(self, (3, 2), (2, 1))",
    ),
    rearranged(
        "t",
        ("TBackward0", "TBackward1"),
        "Transposes a matrix.",
        "The gradient is transposed back.",
        "gradᵀ",
        "grad.t()",
        _GRID + "result = self.t()",
    ),
    rearranged(
        "transpose",
        ("TransposeBackward0", "TransposeBackward1"),
        "Swaps two dimensions.",
        "The same two dimensions of the gradient are swapped back.",
        "grad with dim0 and dim1 swapped",
        "grad.transpose(dim0, dim1)",
        _GRID + "dim0 = 0\ndim1 = 1\nresult = torch.transpose(self, dim0, dim1)",
        ("swapaxes", "mT"),
    ),
    rearranged(
        "permute",
        ("PermuteBackward0",),
        "Reorders the dimensions.",
        "The dimensions of the gradient are put back into their old order.",
        "grad with dims back in order",
        "grad.permute([[d % len(dims) for d in dims].index(i) for i in range(len(dims))])",
        "self = tensor([[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]])\ndims = (2, 0, 1)\nresult = torch.permute(self, dims)",
        ("movedim",),
    ),
    rearranged(
        "unsqueeze",
        ("UnsqueezeBackward0", "UnsqueezeBackward1"),
        "Inserts a dimension of size 1.",
        "That dimension is taken out of the gradient again.",
        "grad without that dimension",
        "grad.squeeze(dim)",
        "self = tensor([1.0, 2.0])\ndim = 0\nresult = torch.unsqueeze(self, dim)",
    ),
    rearranged(
        "squeeze",
        (
            "SqueezeBackward0",
            "SqueezeBackward1",
            "SqueezeBackward2",
            "SqueezeBackward3",
            "SqueezeBackward4",
            "SqueezeBackward5",
        ),
        "Takes out dimensions of size 1.",
        "The dimensions are put back into the gradient.",
        "grad in the shape of self",
        "grad.reshape(self.shape)",
        "self = tensor([[1.0, 2.0]])\ndim = 0\nresult = torch.squeeze(self, dim)",
    ),
    rearranged(
        "expand",
        ("ExpandBackward0",),
        "Repeats dimensions of size 1 without copying: what broadcasting does.",
        "The gradient is summed over the repeated dimensions, because every copy counted.",
        "Σ grad over the repeated dimensions",
        "grad.sum_to_size(self.shape)",
        "self = tensor([[1.0], [2.0]])\nsize = (2, 3)\nresult = self.expand(size)",
        ("expand_as", "broadcast_to"),
    ),
    rearranged(
        "as_strided",
        ("AsStridedBackward0", "AsStridedBackward1"),
        "Reads memory in any pattern of sizes and strides.",
        "Each element of the gradient goes back to the memory position it was read from; a position read twice gets the sum. The expression is for a self that lies in memory in order.",
        "Σ grad over the positions read",
        "torch.zeros_like(self).reshape(-1).index_add(0, positions.reshape(-1), grad.reshape(-1)).reshape(self.shape)",
        "self = tensor([1.0, 2.0, 3.0])\nsize = (2, 2)\nstride = (1, 1)\nstorage_offset = 0\n"
        "result = torch.as_strided(self, size, stride, storage_offset)",
        where=(("positions", "torch.arange(self.numel()).as_strided(size, stride, storage_offset or 0)"),),
    ),
    rearranged(
        "alias",
        ("AliasBackward0",),
        "Makes another view of the whole tensor.",
        "The gradient goes through unchanged.",
        "grad",
        "grad",
        "self = tensor([1.0, 2.0])\nresult = torch.ops.aten.alias(self)",
        ("view_as",),
    ),
    rearranged(
        "view_as_real",
        ("ViewAsRealBackward0",),
        "Reads complex numbers as pairs of real ones.",
        "The pairs of the gradient are read as complex numbers.",
        "grad[0] + i · grad[1]",
        "torch.view_as_complex(grad.contiguous())",
        "self = torch.complex(tensor([1.0]), tensor([2.0]))\nresult = torch.view_as_real(self)",
    ),
    rearranged(
        "view_as_complex",
        ("ViewAsComplexBackward0",),
        "Reads pairs of real numbers as complex ones.",
        "The complex gradient is read as pairs of its real and imaginary parts.",
        "[Re grad, Im grad]",
        "torch.view_as_real(grad.resolve_conj())",
        "self = tensor([[1.0, 2.0]])\nresult = torch.view_as_complex(self)",
    ),
    rearranged(
        "unfold",
        ("UnfoldBackward0",),
        "Cuts windows of a size out of a dimension, one every step.",
        "Each window's gradient is added back at the position of the window; where windows overlap, gradients add up.",
        "Σ grad over the windows that hold the element",
        "torch.zeros_like(self).movedim(dimension, -1).index_add("
        "-1, positions.reshape(-1), grad.movedim(dimension, -2).flatten(-2)).movedim(-1, dimension)"
        " if self.dim() else grad.reshape(self.shape)",
        "self = tensor([1.0, 2.0, 3.0, 4.0])\ndimension = 0\nsize = 2\nstep = 1\nresult = self.unfold(dimension, size, step)",
        where=(("positions", "torch.arange(self.shape[dimension] if self.dim() else 1).unfold(0, size, step)"),),
    ),
    rearranged(
        "diagonal",
        ("DiagonalBackward0",),
        "Reads a diagonal.",
        "The gradient is written onto the same diagonal of zeros.",
        "grad on the diagonal, else 0",
        "torch.diagonal_scatter(torch.zeros_like(self), grad, offset, dim1, dim2)",
        "self = tensor([[1.0, 2.0], [3.0, 4.0]])\noffset = 0\ndim1 = 0\ndim2 = 1\n"
        "result = torch.diagonal(self, offset, dim1, dim2)",
        ("diag",),
    ),
)

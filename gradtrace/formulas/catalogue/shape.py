"""Views, copies, joining and splitting: the same numbers in another arrangement."""

from gradtrace.formulas.formula import Formula, GradientTo

_GRID = "self = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])\n"


def _rearranged(
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


VIEWS = (
    _rearranged(
        "view",
        ("ViewBackward0", "UnsafeViewBackward0", "ViewBackward0_copy"),
        "Reads the same elements in another shape.",
        "The gradient is given the shape of the input; its numbers do not change.",
        "grad in the shape of self",
        "grad.reshape(self.shape)",
        _GRID + "size = (3, 2)\nresult = self.view(size)",
        ("reshape", "flatten", "unflatten"),
    ),
    _rearranged(
        "reshape",
        ("ReshapeAliasBackward0",),
        "Reads the same elements in another shape, as a view.",
        "The gradient is given the shape of the input; its numbers do not change.",
        "grad in the shape of self",
        "grad.reshape(self.shape)",
        _GRID + "result = torch.ops.aten._reshape_alias(self, (3, 2), (2, 1))",
    ),
    _rearranged(
        "t",
        ("TBackward0", "TBackward1", "TBackward0_copy"),
        "Transposes a matrix.",
        "The gradient is transposed back.",
        "gradᵀ",
        "grad.t()",
        _GRID + "result = self.t()",
    ),
    _rearranged(
        "transpose",
        ("TransposeBackward0", "TransposeBackward1", "TransposeBackward0_copy"),
        "Swaps two dimensions.",
        "The same two dimensions of the gradient are swapped back.",
        "grad with dim0 and dim1 swapped",
        "grad.transpose(dim0, dim1)",
        _GRID + "dim0 = 0\ndim1 = 1\nresult = torch.transpose(self, dim0, dim1)",
        ("swapaxes", "mT"),
    ),
    _rearranged(
        "permute",
        ("PermuteBackward0", "PermuteBackward0_copy"),
        "Reorders the dimensions.",
        "The dimensions of the gradient are put back into their old order.",
        "grad with dims back in order",
        "grad.permute([[d % len(dims) for d in dims].index(i) for i in range(len(dims))])",
        "self = tensor([[[1.0, 2.0, 3.0]], [[4.0, 5.0, 6.0]]])\ndims = (2, 0, 1)\nresult = torch.permute(self, dims)",
        ("movedim",),
    ),
    _rearranged(
        "unsqueeze",
        ("UnsqueezeBackward0", "UnsqueezeBackward1", "UnsqueezeBackward0_copy"),
        "Inserts a dimension of size 1.",
        "That dimension is taken out of the gradient again.",
        "grad without that dimension",
        "grad.squeeze(dim)",
        "self = tensor([1.0, 2.0])\ndim = 0\nresult = torch.unsqueeze(self, dim)",
    ),
    _rearranged(
        "squeeze",
        (
            "SqueezeBackward0",
            "SqueezeBackward1",
            "SqueezeBackward2",
            "SqueezeBackward3",
            "SqueezeBackward4",
            "SqueezeBackward5",
            "SqueezeBackward0_copy",
            "SqueezeBackward1_copy",
            "SqueezeBackward2_copy",
        ),
        "Takes out dimensions of size 1.",
        "The dimensions are put back into the gradient.",
        "grad in the shape of self",
        "grad.reshape(self.shape)",
        "self = tensor([[1.0, 2.0]])\ndim = 0\nresult = torch.squeeze(self, dim)",
    ),
    _rearranged(
        "expand",
        ("ExpandBackward0", "ExpandBackward0_copy"),
        "Repeats dimensions of size 1 without copying: what broadcasting does.",
        "The gradient is summed over the repeated dimensions, because every copy counted.",
        "Σ grad over the repeated dimensions",
        "grad.sum_to_size(self.shape)",
        "self = tensor([[1.0], [2.0]])\nsize = (2, 3)\nresult = self.expand(size)",
        ("expand_as", "broadcast_to"),
    ),
    _rearranged(
        "as_strided",
        ("AsStridedBackward0", "AsStridedBackward1", "AsStridedBackward0_copy"),
        "Reads memory in any pattern of sizes and strides.",
        "Each element of the gradient goes back to the memory place it was read from; a place read twice gets the sum.",
        "Σ grad over the places read",
        "torch.zeros_like(self).reshape(-1).index_add(0, places.reshape(-1), grad.reshape(-1)).reshape(self.shape)",
        "self = tensor([1.0, 2.0, 3.0])\nsize = (2, 2)\nstride = (1, 1)\nstorage_offset = 0\n"
        "result = torch.as_strided(self, size, stride, storage_offset)",
        where=(
            ("places", "torch.arange(self.numel()).as_strided(size, stride, storage_offset or 0)"),
        ),
    ),
    _rearranged(
        "alias",
        ("AliasBackward0", "AliasBackward0_copy"),
        "Makes another view of the whole tensor.",
        "The gradient goes through unchanged.",
        "grad",
        "grad",
        "self = tensor([1.0, 2.0])\nresult = torch.ops.aten.alias(self)",
        ("view_as",),
    ),
    _rearranged(
        "view_as_real",
        ("ViewAsRealBackward0", "ViewAsRealBackward0_copy"),
        "Reads complex numbers as pairs of real ones.",
        "The pairs of the gradient are read as complex numbers.",
        "grad[0] + i · grad[1]",
        "torch.view_as_complex(grad.contiguous())",
        "self = torch.complex(tensor([1.0]), tensor([2.0]))\nresult = torch.view_as_real(self)",
    ),
    _rearranged(
        "view_as_complex",
        ("ViewAsComplexBackward0", "ViewAsComplexBackward0_copy"),
        "Reads pairs of real numbers as complex ones.",
        "The complex gradient is read as pairs of its real and imaginary parts.",
        "[Re grad, Im grad]",
        "torch.view_as_real(grad.resolve_conj())",
        "self = tensor([[1.0, 2.0]])\nresult = torch.view_as_complex(self)",
    ),
    _rearranged(
        "unfold",
        ("UnfoldBackward0", "UnfoldBackward0_copy"),
        "Cuts windows of a size out of a dimension, one every step.",
        "Each window's gradient is added back at the place of the window; where windows overlap, gradients add up.",
        "Σ grad over the windows that hold the element",
        "torch.zeros_like(self).movedim(dimension, -1).index_add("
        "-1, places.reshape(-1), grad.movedim(dimension, -2).flatten(-2)).movedim(-1, dimension)"
        " if self.dim() else grad.reshape(self.shape)",
        "self = tensor([1.0, 2.0, 3.0, 4.0])\ndimension = 0\nsize = 2\nstep = 1\nresult = self.unfold(dimension, size, step)",
        where=(
            ("places", "torch.arange(self.shape[dimension] if self.dim() else 1).unfold(0, size, step)"),
        ),
    ),
    _rearranged(
        "diagonal",
        ("DiagonalBackward0", "DiagonalBackward0_copy"),
        "Reads a diagonal.",
        "The gradient is written onto the same diagonal of zeros.",
        "grad on the diagonal, else 0",
        "torch.diagonal_scatter(torch.zeros_like(self), grad, offset, dim1, dim2)",
        "self = tensor([[1.0, 2.0], [3.0, 4.0]])\noffset = 0\ndim1 = 0\ndim2 = 1\n"
        "result = torch.diagonal(self, offset, dim1, dim2)",
        ("diag",),
    ),
)

ARRANGEMENTS = (
    _rearranged(
        "flip",
        ("FlipBackward0",),
        "Reverses dimensions.",
        "The same dimensions of the gradient are reversed back.",
        "grad, reversed",
        "grad.flip(dims)",
        "self = tensor([1.0, 2.0, 3.0])\ndims = (0,)\nresult = torch.flip(self, dims)",
    ),
    _rearranged(
        "roll",
        ("RollBackward0",),
        "Shifts elements along dimensions; those that leave at the end return at the beginning.",
        "The gradient is shifted back.",
        "grad, rolled by -shifts",
        "grad.roll([-shift for shift in shifts], dims)",
        "self = tensor([1.0, 2.0, 3.0])\nshifts = (1,)\ndims = (0,)\nresult = torch.roll(self, shifts, dims)",
    ),
    _rearranged(
        "rot90",
        ("Rot90Backward0",),
        "Turns a plane of dimensions by right angles.",
        "The gradient is turned back.",
        "grad, turned by -k",
        "grad.rot90(-k, dims)",
        _GRID + "k = 1\ndims = (0, 1)\nresult = torch.rot90(self, k, dims)",
    ),
    _rearranged(
        "repeat",
        ("RepeatBackward0",),
        "Copies the tensor several times along dimensions.",
        "The gradients of all copies of an element are added.",
        "Σ grad over the copies",
        "grad.reshape([part for pair in zip(repeats, sizes) for part in pair]).sum(list(range(0, 2 * len(sizes), 2)))"
        ".reshape(self.shape) if repeats else grad",
        "self = tensor([1.0, 2.0])\nrepeats = (2, 2)\nresult = self.repeat(repeats)",
        ("tile",),
        where=(
            ("sizes", "[1] * (len(repeats) - self.dim()) + list(self.shape)"),
        ),
    ),
    _rearranged(
        "tril",
        ("TrilBackward0",),
        "Keeps the lower triangle of a matrix and sets the rest to 0.",
        "The lower triangle of the gradient is kept; the rest is 0.",
        "lower triangle of grad",
        "grad.tril(diagonal)",
        "self = tensor([[1.0, 2.0], [3.0, 4.0]])\ndiagonal = 0\nresult = torch.tril(self, diagonal)",
    ),
    _rearranged(
        "triu",
        ("TriuBackward0",),
        "Keeps the upper triangle of a matrix and sets the rest to 0.",
        "The upper triangle of the gradient is kept; the rest is 0.",
        "upper triangle of grad",
        "grad.triu(diagonal)",
        "self = tensor([[1.0, 2.0], [3.0, 4.0]])\ndiagonal = 0\nresult = torch.triu(self, diagonal)",
    ),
    _rearranged(
        "diag_embed",
        ("DiagEmbedBackward0",),
        "Writes the elements onto the diagonal of a matrix of zeros.",
        "The diagonal of the gradient is read back.",
        "diagonal of grad",
        "grad.diagonal(offset, dim1, dim2)",
        "self = tensor([1.0, 2.0])\noffset = 0\ndim1 = -2\ndim2 = -1\nresult = torch.diag_embed(self, offset, dim1, dim2)",
    ),
    _rearranged(
        "pixel_shuffle",
        ("PixelShuffleBackward0",),
        "Turns channels into finer pixels.",
        "The pixels of the gradient are turned back into channels.",
        "pixel_unshuffle(grad)",
        "F.pixel_unshuffle(grad, upscale_factor)",
        "self = torch.arange(4.0).reshape(1, 4, 1, 1)\nupscale_factor = 2\nresult = F.pixel_shuffle(self, upscale_factor)",
    ),
    _rearranged(
        "pixel_unshuffle",
        ("PixelUnshuffleBackward0",),
        "Turns blocks of pixels into channels.",
        "The channels of the gradient are turned back into pixels.",
        "pixel_shuffle(grad)",
        "F.pixel_shuffle(grad, downscale_factor)",
        "self = torch.arange(4.0).reshape(1, 1, 2, 2)\ndownscale_factor = 2\n"
        "result = F.pixel_unshuffle(self, downscale_factor)",
    ),
    _rearranged(
        "channel_shuffle",
        ("ChannelShuffleBackward0",),
        "Interleaves groups of channels.",
        "The channels of the gradient are put back.",
        "channel_shuffle(grad, channels / groups)",
        "F.channel_shuffle(grad, grad.shape[1] // groups)",
        "self = torch.arange(4.0).reshape(1, 4, 1)\ngroups = 2\nresult = F.channel_shuffle(self, groups)",
    ),
)

PADDING = (
    _rearranged(
        "pad",
        ("ConstantPadNdBackward0",),
        "Surrounds the tensor with a constant (or, with negative widths, cuts it).",
        "The surrounding part of the gradient is cut off: the constant needs none.",
        "grad without the border",
        "F.pad(grad, [-width for width in pad])",
        "self = tensor([1.0, 2.0])\npad = (1, 2)\nvalue = 0.0\nresult = F.pad(self, pad, value=value)",
        ("constant_pad_nd",),
    ),
    *(
        Formula(
            op=f"{op}_pad{n}d",
            node_types=(f"{op.title()}Pad{n}DBackward0",),
            forward=f"Surrounds the tensor with {what}.",
            backward="The border's gradient is added to the elements of which it is a copy.",
            gradients=(
                GradientTo(
                    "self",
                    "grad + Σ grad of the copies",
                    f"torch.ops.aten.{op}_pad{n}d_backward(grad, self, padding)",
                ),
            ),
            example=f"self = torch.arange(1.0, {3**n + 1}).reshape({', '.join(['1'] + ['3'] * n)})\npadding = ({', '.join(['1'] * 2 * n)})\n"
            f"result = F.pad(self, padding, mode='{mode}')",
        )
        for op, mode, what in (
            ("reflection", "reflect", "its own mirror image"),
            ("replication", "replicate", "copies of its outermost elements"),
        )
        for n in (1, 2, 3)
    ),
)

COPIES = (
    _rearranged(
        "clone",
        ("CloneBackward0",),
        "Copies the tensor.",
        "The gradient goes through unchanged.",
        "grad",
        "grad",
        "self = tensor([1.0, 2.0])\nresult = torch.clone(self)",
        ("contiguous",),
    ),
    _rearranged(
        "to",
        ("ToCopyBackward0",),
        "Copies the tensor to another dtype or device.",
        "The gradient is cast back to the input's dtype and device.",
        "grad in the dtype of self",
        "grad.to(self.dtype)",
        "self = tensor([1.0, 2.0])\nresult = self.to(torch.float64)",
        ("_to_copy", "float", "half", "double"),
    ),
)

JOINING = (
    Formula(
        op="cat",
        node_types=("CatBackward0",),
        forward="Joins tensors along a dimension.",
        backward="The gradient is cut where the tensors were joined, and each piece goes to its tensor.",
        gradients=(
            GradientTo(
                "tensors*",
                "the part of grad that came from it",
                "[piece.reshape(t.shape) for piece, t in zip(torch.split(grad, lengths, dim), tensors)]",
            ),
        ),
        where=(
            ("lengths", "[0 if t.shape == (0,) and grad.dim() != 1 else t.shape[dim] for t in tensors]"),
        ),
        example="tensors = [tensor([1.0, 2.0]), tensor([3.0])]\ndim = 0\nresult = torch.cat(tensors, dim)",
        aliases=("concat", "hstack", "vstack"),
    ),
    Formula(
        op="stack",
        node_types=("StackBackward0",),
        forward="Puts tensors side by side along a new dimension.",
        backward="Each tensor gets its slice of the gradient.",
        gradients=(GradientTo("tensors*", "grad[i] along dim", "list(grad.unbind(dim))"),),
        example="tensors = [tensor([1.0, 2.0]), tensor([3.0, 4.0])]\ndim = 0\nresult = torch.stack(tensors, dim)",
    ),
    Formula(
        op="block_diag",
        node_types=("BlockDiagBackward0",),
        forward="Puts matrices as blocks onto the diagonal of a larger matrix of zeros.",
        backward="Each matrix gets its block of the gradient.",
        gradients=(
            GradientTo(
                "tensors*",
                "its block of grad",
                "[grad[r - h : r, c - w : c].reshape(t.shape) for t, (h, w), r, c in zip(tensors, shapes, rows, columns)]",
            ),
        ),
        where=(
            ("shapes", "[(1, 1) if t.dim() == 0 else (1, *t.shape) if t.dim() == 1 else tuple(t.shape) for t in tensors]"),
            ("rows", "torch.tensor([h for h, w in shapes]).cumsum(0).tolist()"),
            ("columns", "torch.tensor([w for h, w in shapes]).cumsum(0).tolist()"),
        ),
        example="tensors = [tensor([[1.0]]), tensor([[2.0, 3.0]])]\nresult = torch.block_diag(*tensors)",
    ),
)

SPLITTING = (
    Formula(
        op="split",
        node_types=(
            "SplitBackward0",
            "SplitWithSizesBackward0",
            "UnsafeSplitBackward0",
            "SplitWithSizesBackward0_copy",
        ),
        forward="Cuts the tensor into pieces along a dimension.",
        backward="The pieces' gradients are joined again; a piece that was not used counts as zeros.",
        gradients=(GradientTo("self", "the pieces' gradients, joined", "torch.cat(grads, dim)"),),
        example="self = tensor([1.0, 2.0, 3.0])\nsplit_size = 2\ndim = 0\nresult = torch.split(self, split_size, dim)",
        aliases=("chunk", "split_with_sizes", "tensor_split"),
    ),
    Formula(
        op="unbind",
        node_types=("UnbindBackward0", "UnbindBackward0_copy"),
        forward="Takes a dimension apart into a tuple of tensors; iterating over a tensor does this.",
        backward="The gradients of the parts are stacked again; a part that was not used counts as zeros.",
        gradients=(GradientTo("self", "the parts' gradients, stacked", "torch.stack(list(grads), dim)"),),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\ndim = 0\nresult = torch.unbind(self, dim)",
    ),
)

FORMULAS = (*VIEWS, *ARRANGEMENTS, *PADDING, *COPIES, *JOINING, *SPLITTING)

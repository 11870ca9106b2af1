"""Reordering, padding, copying, joining and splitting."""

from gradtrace.formulas.catalogue.shape import rearranged
from gradtrace.formulas.formula import Formula, GradientTo

_GRID = "self = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])\n"


ARRANGEMENTS = (
    rearranged(
        "flip",
        ("FlipBackward0",),
        "Reverses dimensions.",
        "The same dimensions of the gradient are reversed back.",
        "grad, reversed",
        "grad.flip(dims)",
        "self = tensor([1.0, 2.0, 3.0])\ndims = (0,)\nresult = torch.flip(self, dims)",
    ),
    rearranged(
        "roll",
        ("RollBackward0",),
        "Shifts elements along dimensions; those that leave at the end return at the beginning.",
        "The gradient is shifted back.",
        "grad, rolled by -shifts",
        "grad.roll([-shift for shift in shifts], dims)",
        "self = tensor([1.0, 2.0, 3.0])\nshifts = (1,)\ndims = (0,)\nresult = torch.roll(self, shifts, dims)",
    ),
    rearranged(
        "rot90",
        ("Rot90Backward0",),
        "Turns a plane of dimensions by right angles.",
        "The gradient is turned back.",
        "grad, turned by -k",
        "grad.rot90(-k, dims)",
        _GRID + "k = 1\ndims = (0, 1)\nresult = torch.rot90(self, k, dims)",
    ),
    rearranged(
        "repeat",
        ("RepeatBackward0",),
        "Copies the tensor several times along dimensions.",
        "The gradients of all copies of an element are added.",
        "Σ grad over the copies",
        "grad.reshape([part for pair in zip(repeats, sizes) for part in pair]).sum(list(range(0, 2 * len(sizes), 2)))"
        ".reshape(self.shape) if repeats else grad",
        "self = tensor([1.0, 2.0])\nrepeats = (2, 2)\nresult = self.repeat(repeats)",
        ("tile",),
        where=(("sizes", "[1] * (len(repeats) - self.dim()) + list(self.shape)"),),
    ),
    rearranged(
        "tril",
        ("TrilBackward0",),
        "Keeps the lower triangle of a matrix and sets the rest to 0.",
        "The lower triangle of the gradient is kept; the rest is 0.",
        "lower triangle of grad",
        "grad.tril(diagonal)",
        "self = tensor([[1.0, 2.0], [3.0, 4.0]])\ndiagonal = 0\nresult = torch.tril(self, diagonal)",
    ),
    rearranged(
        "triu",
        ("TriuBackward0",),
        "Keeps the upper triangle of a matrix and sets the rest to 0.",
        "The upper triangle of the gradient is kept; the rest is 0.",
        "upper triangle of grad",
        "grad.triu(diagonal)",
        "self = tensor([[1.0, 2.0], [3.0, 4.0]])\ndiagonal = 0\nresult = torch.triu(self, diagonal)",
    ),
    rearranged(
        "diag_embed",
        ("DiagEmbedBackward0",),
        "Writes the elements onto the diagonal of a matrix of zeros.",
        "The diagonal of the gradient is read back.",
        "diagonal of grad",
        "grad.diagonal(offset, dim1, dim2)",
        "self = tensor([1.0, 2.0])\noffset = 0\ndim1 = -2\ndim2 = -1\nresult = torch.diag_embed(self, offset, dim1, dim2)",
    ),
    rearranged(
        "pixel_shuffle",
        ("PixelShuffleBackward0",),
        "Turns channels into finer pixels.",
        "The pixels of the gradient are turned back into channels.",
        "pixel_unshuffle(grad)",
        "F.pixel_unshuffle(grad, upscale_factor)",
        "self = torch.arange(4.0).reshape(1, 4, 1, 1)\nupscale_factor = 2\nresult = F.pixel_shuffle(self, upscale_factor)",
    ),
    rearranged(
        "pixel_unshuffle",
        ("PixelUnshuffleBackward0",),
        "Turns blocks of pixels into channels.",
        "The channels of the gradient are turned back into pixels.",
        "pixel_shuffle(grad)",
        "F.pixel_shuffle(grad, downscale_factor)",
        "self = torch.arange(4.0).reshape(1, 1, 2, 2)\ndownscale_factor = 2\n"
        "result = F.pixel_unshuffle(self, downscale_factor)",
    ),
    rearranged(
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
    rearranged(
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
    rearranged(
        "clone",
        ("CloneBackward0",),
        "Copies the tensor.",
        "The gradient goes through unchanged.",
        "grad",
        "grad",
        "self = tensor([1.0, 2.0])\nresult = torch.clone(self)",
        ("contiguous",),
    ),
    rearranged(
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
        where=(("lengths", "[0 if t.shape == (0,) and grad.dim() != 1 else t.shape[dim] for t in tensors]"),),
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
            (
                "shapes",
                "[(1, 1) if t.dim() == 0 else (1, *t.shape) if t.dim() == 1 else tuple(t.shape) for t in tensors]",
            ),
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
        ),
        forward="Cuts the tensor into pieces along a dimension.",
        backward="The pieces' gradients are joined again; a piece that was not used counts as zeros.",
        gradients=(GradientTo("self", "the pieces' gradients, joined", "torch.cat(grads, dim)"),),
        example="self = tensor([1.0, 2.0, 3.0])\nsplit_size = 2\ndim = 0\nresult = torch.split(self, split_size, dim)",
        aliases=("chunk", "split_with_sizes", "tensor_split"),
    ),
    Formula(
        op="unbind",
        node_types=("UnbindBackward0",),
        forward="Takes a dimension apart into a tuple of tensors; iterating over a tensor does this.",
        backward="The gradients of the parts are stacked again; a part that was not used counts as zeros.",
        gradients=(GradientTo("self", "the parts' gradients, stacked", "torch.stack(list(grads), dim)"),),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\ndim = 0\nresult = torch.unbind(self, dim)",
    ),
)

FORMULAS = (*ARRANGEMENTS, *PADDING, *COPIES, *JOINING, *SPLITTING)

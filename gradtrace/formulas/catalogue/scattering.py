"""Reductions into positions of another tensor, and indexing without checks."""

from gradtrace.formulas.formula import Formula, GradientTo

_REDUCED = (
    ("kept", "torch.ones_like(grad) if include_self else torch.ones_like(grad).scatter(dim, positions, 0)"),
    ("ones", "torch.full_like(grad, float(include_self)).scatter_add(dim, positions, torch.ones_like(values))"),
    ("is_result", "(self == result).to(grad.dtype)"),
    ("are_result", "(values == result.gather(dim, positions)).to(grad.dtype)"),
    ("ties", "is_result.scatter_add(dim, positions, are_result)"),
    (
        "share",
        "grad if reduce in ('sum', 'prod') else grad / (ones if reduce == 'mean' else ties).clamp(min=1)",
    ),
    ("self1", "self.masked_fill(self == 0, 1)"),
    ("rest_of_self", "self1.scatter_reduce(dim, positions, values, 'prod', include_self=include_self) / self1"),
    (
        "zeros",
        "torch.zeros_like(self).scatter_add(dim, positions, (values == 0).to(self.dtype)).gather(dim, positions)",
    ),
    ("only_zero", "(values == 0) & (zeros == 1)"),
    (
        "without_zero",
        "self.scatter_reduce(dim, positions, values.masked_fill(only_zero, 1), 'prod', include_self=include_self)",
    ),
    (
        "rest_of_values",
        (
            "grad.gather(dim, positions) * torch.where(only_zero, without_zero.gather(dim, positions),"
            " result.gather(dim, positions) / values.masked_fill(values == 0, 1))"
        ),
    ),
)
_TO_SELF = "kept * grad * rest_of_self if reduce == 'prod' else kept * share * (is_result if reduce in ('amax', 'amin') else 1)"
_TO_VALUES = "rest_of_values if reduce == 'prod' else share.gather(dim, positions) * (are_result if reduce in ('amax', 'amin') else 1)"
_REDUCTIONS = (
    "A sum sends the whole gradient, a mean its share, a product the gradient times the product of the others; of the largest or "
    "smallest those get it that were it, in equal shares. With include_self=False what was overwritten gets 0."
)
_SHARES = "(1 for sum, 1 / count for mean, product of the others for prod, 1 / ties where it was the result for amax and amin)"

_PLACES = "self = tensor([1.0, 2.0, 3.0])\nindices = [torch.tensor([2, 0])]\n"

REDUCED = (
    Formula(
        op="scatter_reduce",
        node_types=("ScatterReduceBackward0",),
        forward="Combines elements of src with those of a tensor, at given positions, by sum, product, mean, largest or smallest.",
        backward=_REDUCTIONS,
        gradients=(
            GradientTo("self", f"grad · {_SHARES}", _TO_SELF),
            GradientTo("src", f"grad read at index · {_SHARES}", _TO_VALUES),
        ),
        where=(("positions", "index"), ("values", "src"), *_REDUCED),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nindex = torch.tensor([0, 2, 0])\nsrc = tensor([4.0, 5.0, 6.0])\nreduce = 'amax'\n"
        "include_self = True\nresult = torch.scatter_reduce(self, dim, index, src, reduce, include_self=include_self)",
    ),
    Formula(
        op="index_reduce",
        node_types=("IndexReduceBackward0",),
        forward="Combines slices of source with slices of a tensor, by product, mean, largest or smallest.",
        backward=_REDUCTIONS,
        gradients=(
            GradientTo("self", f"grad · {_SHARES}", _TO_SELF),
            GradientTo("source", f"grad read at index · {_SHARES}", _TO_VALUES),
        ),
        where=(
            (
                "positions",
                (
                    "index.reshape([-1 if d == dim % self.dim() else 1 for d in range(self.dim())]).expand_as(source)"
                    " if self.dim() else index.reshape(source.shape)"
                ),
            ),
            ("values", "source"),
            *_REDUCED,
        ),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nindex = torch.tensor([0, 2, 0])\nsource = tensor([4.0, 5.0, 6.0])\nreduce = 'mean'\n"
        "include_self = True\nresult = torch.index_reduce(self, dim, index, source, reduce, include_self=include_self)",
    ),
    Formula(
        op="segment_reduce",
        node_types=("SegmentReduceBackward0",),
        forward="Reduces consecutive pieces of a tensor, each to one element.",
        backward="The gradient of each piece goes to its elements: whole for a sum, in shares for a mean, to the largest or smallest only.",
        gradients=(
            GradientTo(
                "data",
                "the gradient of its piece, as the reduction shares it",
                "torch.ops.aten._segment_reduce_backward(grad, result, data, reduce, lengths=lengths, offsets=offsets, axis=axis,"
                " initial=initial)",
            ),
        ),
        example="data = tensor([1.0, 2.0, 3.0])\nreduce = 'sum'\nlengths = torch.tensor([2, 1])\noffsets = None\naxis = 0\ninitial = None\n"
        "result = torch.segment_reduce(data, reduce, lengths=lengths, axis=axis)",
    ),
)

UNCHECKED = (
    Formula(
        op="index",
        node_types=("UnsafeIndexBackward0",),
        forward="Reads elements at given positions, without a check of the positions.",
        backward="Each gradient is added back at the position that it was read from.",
        gradients=(
            GradientTo(
                "self",
                "zeros, + grad at the positions read",
                "torch.zeros_like(self).index_put(tuple(indices), grad, accumulate=True)",
            ),
        ),
        example=f"{_PLACES}result = torch.ops.aten._unsafe_index(self, indices)",
    ),
    Formula(
        op="index_put",
        node_types=("UnsafeIndexPutBackward0",),
        forward="Writes values to given positions, without a check of the positions.",
        backward="What was there gets the gradient, 0 where it was overwritten; the values get the gradient at their positions.",
        gradients=(
            GradientTo(
                "self",
                "grad, 0 at the positions (grad whole when values are added)",
                "grad if accumulate else grad.index_put(tuple(indices), torch.zeros_like(values))",
            ),
            GradientTo("values", "grad at the positions", "grad[tuple(indices)]"),
        ),
        example=f"{_PLACES}values = tensor([7.0, 8.0])\naccumulate = False\n"
        "result = torch.ops.aten._unsafe_index_put(self, indices, values, accumulate)",
    ),
    Formula(
        op="index_put_",
        node_types=("IndexPutImplBackward0",),
        forward="Writes values to given positions in place.",
        backward="What was there gets the gradient, 0 where it was overwritten; the values get the gradient at their positions.",
        gradients=(
            GradientTo(
                "self",
                "grad, 0 at the positions (grad whole when values are added)",
                "grad if accumulate else grad.index_put(tuple(indices), torch.zeros_like(values))",
            ),
            GradientTo("values", "grad at the positions", "grad[tuple(indices)]"),
        ),
        example=f"{_PLACES}values = tensor([7.0, 8.0])\naccumulate = False\n"
        "result = torch.ops.aten._index_put_impl_(self.clone(), indices, values, accumulate)",
    ),
    Formula(
        op="masked_index",
        node_types=("UnsafeMaskedIndexBackward0",),
        forward="Reads elements at given positions where a mask says so, and takes a number elsewhere.",
        backward="Each gradient under the mask is added back at the position that it was read from.",
        gradients=(
            GradientTo(
                "self",
                "zeros, + grad · mask at the positions read",
                "torch.ops.aten._unsafe_masked_index_put_accumulate(torch.zeros_like(self), mask, indices, grad)",
            ),
        ),
        example=f"{_PLACES}mask = torch.tensor([True, False])\nfill = 0.0\n"
        "result = torch.ops.aten._unsafe_masked_index(self, mask, indices, fill)",
    ),
    Formula(
        op="masked_index_put_accumulate",
        node_types=("UnsafeMaskedIndexPutAccumulateBackward0",),
        forward="Adds values at given positions where a mask says so.",
        backward="What was there gets the whole gradient; the values get it at their positions, 0 outside of the mask.",
        gradients=(
            GradientTo("self", "grad", "grad"),
            GradientTo(
                "values", "grad at the positions · mask", "torch.ops.aten._unsafe_masked_index(grad, mask, indices, 0)"
            ),
        ),
        example=f"{_PLACES}mask = torch.tensor([True, False])\nvalues = tensor([7.0, 8.0])\n"
        "result = torch.ops.aten._unsafe_masked_index_put_accumulate(self, mask, indices, values)",
    ),
    Formula(
        op="as_strided_scatter",
        node_types=("AsStridedScatterBackward0",),
        forward="Writes a tensor into the elements of another that a size and strides describe.",
        backward=(
            "What was written gets the gradient of its elements. What was there should get the gradient of all others, but torch 2.13 sends "
            "it that of the elements written: torch.autograd.gradcheck fails here. slice_scatter and index_put are right."
        ),
        gradients=(
            GradientTo(
                "self",
                "grad at the elements written, else 0 (torch's; it should be the other way round)",
                "torch.as_strided_scatter(torch.zeros_like(grad), grad.contiguous().as_strided(size, stride, storage_offset or 0), size, stride, storage_offset)",
            ),
            GradientTo(
                "src", "grad at the elements written", "grad.contiguous().as_strided(size, stride, storage_offset or 0)"
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0, 4.0])\nsrc = tensor([7.0, 8.0])\nsize = [2]\nstride = [2]\nstorage_offset = 1\n"
        "result = torch.as_strided_scatter(self, src, size, stride, storage_offset)",
    ),
    Formula(
        op="slice_inverse",
        node_types=("SliceInverseBackward0",),
        forward="Views the whole tensor of which self is a slice.",
        backward="The slice gets its part of the gradient; the rest of the whole gets the gradient, with 0 in the slice.",
        gradients=(
            GradientTo("self", "grad in the slice", "torch.ops.aten.slice(grad, dim, start, end, step)"),
            GradientTo(
                "src",
                "grad, 0 in the slice",
                "torch.slice_scatter(grad, torch.zeros_like(self), dim, start, end, step)",
            ),
        ),
        example="self = torch.arange(4.0)[1:3]\nsrc = tensor([1.0, 2.0, 3.0, 4.0])\ndim = 0\nstart = 1\nend = 3\nstep = 1\n"
        "result = torch.ops.aten.slice_inverse(self, src, dim, start, end, step)",
    ),
)

FORMULAS = (*REDUCED, *UNCHECKED)
"""Reductions, then plain reading and writing."""

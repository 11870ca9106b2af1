"""Reading from chosen positions."""

from gradtrace.formulas.formula import Formula, GradientTo

_GRID = "self = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])\n"

FORMULAS = (
    Formula(
        op="select",
        node_types=("SelectBackward0",),
        forward="Takes one index of a dimension: x[i].",
        backward="The gradient goes to that index of a tensor of zeros: the other elements get none.",
        gradients=(
            GradientTo(
                "self", "grad at index, else 0", "torch.select_scatter(torch.zeros_like(self), grad, dim, index)"
            ),
        ),
        example=_GRID + "dim = 0\nindex = 1\nresult = torch.select(self, dim, index)",
    ),
    Formula(
        op="slice",
        node_types=("SliceBackward0",),
        forward="Takes a range of a dimension: x[start:end:step].",
        backward="The gradient goes to that range of a tensor of zeros: the other elements get none.",
        gradients=(
            GradientTo(
                "self",
                "grad in the range, else 0",
                "torch.slice_scatter(torch.zeros_like(self), grad, dim, start, end, step)",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nstart = 1\nend = 3\nstep = 1\nresult = self[start:end:step]",
        aliases=("narrow",),
    ),
    Formula(
        op="narrow_copy",
        node_types=("NarrowCopyBackward0",),
        forward="Copies a range of a dimension.",
        backward="The gradient goes to that range of a tensor of zeros.",
        gradients=(
            GradientTo(
                "self",
                "grad in the range, else 0",
                "torch.slice_scatter(torch.zeros_like(self), grad, dim, start % self.shape[dim] if start < 0 else start,"
                " (start % self.shape[dim] if start < 0 else start) + length)",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nstart = 1\nlength = 2\n"
        "result = torch.narrow_copy(self, dim, start, length)",
    ),
    Formula(
        op="index",
        node_types=("IndexBackward0",),
        forward="Takes the elements at index tensors or a mask: x[i], x[i, j], x[mask].",
        backward="Each element of the gradient is added at the position it was taken from; a position taken twice gets the sum.",
        gradients=(
            GradientTo(
                "self",
                "Σ grad at indices, else 0",
                "torch.ops.aten.index_put(torch.zeros_like(self), indices, grad, accumulate=True)",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nindices = [torch.tensor([0, 0, 2])]\nresult = self[indices[0]]",
        aliases=("getitem",),
    ),
    Formula(
        op="gather",
        node_types=("GatherBackward0",),
        forward="Takes, along a dimension, the elements whose indices are given.",
        backward="Each element of the gradient is added at the position it was taken from; elements never taken get none.",
        gradients=(
            GradientTo(
                "self",
                "Σ grad at index, else 0",
                "torch.zeros_like(self).scatter_add(dim, index, grad) if index.numel() else torch.zeros_like(self)",
            ),
        ),
        example=_GRID + "dim = 1\nindex = torch.tensor([[2, 2], [0, 1]])\nresult = torch.gather(self, dim, index)",
        aliases=("take_along_dim",),
    ),
    Formula(
        op="index_select",
        node_types=("IndexSelectBackward0",),
        forward="Takes the given indices of a dimension.",
        backward="Each slice of the gradient is added at the index it was taken from.",
        gradients=(
            GradientTo(
                "self",
                "Σ grad at index, else 0",
                "torch.zeros_like(self).index_add(dim, index.reshape(-1), grad) if self.dim() else grad.sum()",
            ),
        ),
        example=_GRID + "dim = 1\nindex = torch.tensor([2, 2])\nresult = torch.index_select(self, dim, index)",
    ),
    Formula(
        op="take",
        node_types=("TakeBackward0",),
        forward="Takes elements by their number in the flattened tensor.",
        backward="Each element of the gradient is added at the position it was taken from.",
        gradients=(
            GradientTo("self", "Σ grad at index, else 0", "torch.zeros_like(self).put(index, grad, accumulate=True)"),
        ),
        example=_GRID + "index = torch.tensor([0, 5, 5])\nresult = torch.take(self, index)",
    ),
    Formula(
        op="masked_select",
        node_types=("MaskedSelectBackward0",),
        forward="Takes the elements where the mask holds, in one row.",
        backward="The gradient is written back to the positions of the mask; the others get none.",
        gradients=(
            GradientTo(
                "self",
                "grad where mask, else 0",
                "torch.zeros_like((self + mask) * grad.sum()).masked_scatter(mask, grad)",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nmask = torch.tensor([True, False, True])\n"
        "result = torch.masked_select(self, mask)",
    ),
)

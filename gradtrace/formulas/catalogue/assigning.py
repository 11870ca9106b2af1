"""Writing to chosen positions."""

from gradtrace.formulas.formula import Formula, GradientTo

FORMULAS = (
    Formula(
        op="index_put",
        node_types=("IndexPutBackward0",),
        forward="Writes values at index tensors: x[i] = v; with accumulate it adds them.",
        backward="The values get the gradient at their positions; what was overwritten gets none (all of it if values were added).",
        gradients=(
            GradientTo(
                "self",
                "grad, 0 at indices",
                "grad if accumulate else torch.ops.aten.index_put(grad, indices, torch.zeros_like(values))",
            ),
            GradientTo("values", "grad at indices", "torch.ops.aten.index(grad, indices)"),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nindices = [torch.tensor([0, 2])]\nvalues = tensor([10.0, 30.0])\n"
        "accumulate = False\nresult = torch.index_put(self, indices, values, accumulate)",
        aliases=("setitem",),
    ),
    Formula(
        op="scatter",
        node_types=("ScatterBackward0",),
        forward="Writes elements of a source to given indices along a dimension.",
        backward="The source gets the gradient at its positions; overwritten elements get none, the others theirs.",
        gradients=(
            GradientTo("self", "grad, 0 at index", "grad.scatter(dim, index, 0)"),
            GradientTo("src", "grad at index", "grad.gather(dim, index)"),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nindex = torch.tensor([0, 2])\nsrc = tensor([10.0, 30.0])\n"
        "result = torch.scatter(self, dim, index, src)",
    ),
    Formula(
        op="scatter",
        node_types=("ScatterBackward1",),
        forward="Writes a number to given indices along a dimension.",
        backward="Overwritten elements get no gradient; the others get theirs unchanged.",
        gradients=(GradientTo("self", "grad, 0 at index", "grad.scatter(dim, index, 0)"),),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nindex = torch.tensor([0, 2])\nvalue = 9.0\n"
        "result = torch.scatter(self, dim, index, value)",
    ),
    Formula(
        op="scatter_add",
        node_types=("ScatterAddBackward0",),
        forward="Adds elements of a source at given indices along a dimension.",
        backward="The tensor gets the gradient unchanged; each source element gets it from the position it was added to.",
        gradients=(GradientTo("self", "grad", "grad"), GradientTo("src", "grad at index", "grad.gather(dim, index)")),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nindex = torch.tensor([0, 0])\nsrc = tensor([10.0, 30.0])\n"
        "result = torch.scatter_add(self, dim, index, src)",
    ),
    Formula(
        op="index_add",
        node_types=("IndexAddBackward0",),
        forward="Adds slices of a source, times alpha, at given indices of a dimension.",
        backward="The tensor gets the gradient unchanged; each source slice gets it, times alpha, from the index it was added to.",
        gradients=(
            GradientTo("self", "grad", "grad"),
            GradientTo(
                "source",
                "alpha · grad at index",
                "alpha * (grad.index_select(dim, index).expand_as(source) if source.dim()"
                " else grad.index_select(dim, index.squeeze(0)))",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nindex = torch.tensor([0, 2])\nsource = tensor([10.0, 30.0])\n"
        "alpha = 2\nresult = torch.index_add(self, dim, index, source, alpha=alpha)",
    ),
    Formula(
        op="index_copy",
        node_types=("IndexCopyBackward0",),
        forward="Writes slices of a source at given indices of a dimension.",
        backward="Overwritten slices get no gradient; the source gets it from the indices it was written to.",
        gradients=(
            GradientTo("self", "grad, 0 at index", "grad.index_fill(dim, index, 0)"),
            GradientTo(
                "source",
                "grad at index",
                "grad.index_select(dim, index).expand_as(source) if source.dim()"
                " else grad.index_select(dim, index.squeeze(0))",
            ),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nindex = torch.tensor([0, 2])\nsource = tensor([10.0, 30.0])\n"
        "result = torch.index_copy(self, dim, index, source)",
    ),
    Formula(
        op="index_fill",
        node_types=("IndexFillBackward0",),
        forward="Writes a number at given indices of a dimension.",
        backward="Overwritten elements get no gradient; the others get theirs unchanged.",
        gradients=(GradientTo("self", "grad, 0 at index", "grad.index_fill(dim, index, 0)"),),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nindex = torch.tensor([0, 2])\nvalue = 9.0\n"
        "result = torch.index_fill(self, dim, index, value)",
    ),
    Formula(
        op="index_fill",
        node_types=("IndexFillBackward1",),
        forward="Writes a tensor of one element at given indices of a dimension.",
        backward="Overwritten elements get no gradient; the written value gets the sum of the gradients where it stands.",
        gradients=(
            GradientTo("self", "grad, 0 at index", "grad.index_fill(dim, index, 0)"),
            GradientTo("value", "Σ grad at index", "grad.index_select(dim, index.unique()).sum()"),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\ndim = 0\nindex = torch.tensor([0, 2])\nvalue = tensor(9.0)\n"
        "result = torch.index_fill(self, dim, index, value)",
    ),
    Formula(
        op="masked_fill",
        node_types=("MaskedFillBackward0",),
        forward="Writes a number where the mask holds.",
        backward="Masked elements get no gradient; the others get theirs unchanged.",
        gradients=(GradientTo("self", "0 where mask, else grad", "grad.masked_fill(mask, 0)"),),
        example="self = tensor([1.0, 2.0, 3.0])\nmask = torch.tensor([True, False, False])\nvalue = 0.0\n"
        "result = torch.masked_fill(self, mask, value)",
    ),
    Formula(
        op="masked_fill",
        node_types=("MaskedFillBackward1",),
        forward="Writes a tensor of one element where the mask holds.",
        backward="Masked elements get no gradient; the written value gets the sum of the gradients where it stands.",
        gradients=(
            GradientTo("self", "0 where mask, else grad", "grad.masked_fill(mask, 0)"),
            GradientTo("value", "Σ grad where mask", "torch.where(mask, grad, 0).sum()"),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nmask = torch.tensor([True, False, True])\nvalue = tensor(0.0)\n"
        "result = torch.masked_fill(self, mask, value)",
    ),
    Formula(
        op="masked_scatter",
        node_types=("MaskedScatterBackward0",),
        forward="Writes the first elements of a source, in order, where the mask holds.",
        backward="Masked elements get no gradient; the source gets the gradients of the positions it filled, and 0 for what was left over.",
        gradients=(
            GradientTo("self", "0 where mask, else grad", "grad.masked_fill(mask, 0)"),
            GradientTo(
                "source",
                "grad where mask, in order",
                "torch.cat([used, used.new_zeros(source.numel() - used.numel())]).reshape(source.shape)",
            ),
        ),
        where=(("used", "grad.masked_select(mask)"),),
        example="self = tensor([1.0, 2.0, 3.0])\nmask = torch.tensor([True, False, True])\nsource = tensor([10.0, 20.0, 30.0])\n"
        "result = torch.masked_scatter(self, mask, source)",
    ),
    Formula(
        op="put",
        node_types=("PutBackward0",),
        forward="Writes (or adds) elements by their number in the flattened tensor.",
        backward="The source gets the gradient at its positions; what was overwritten gets none (all of it if values were added).",
        gradients=(
            GradientTo("self", "grad, 0 at index", "grad if accumulate else grad.put(index, torch.zeros_like(source))"),
            GradientTo("source", "grad at index", "grad.take(index).reshape_as(source)"),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nindex = torch.tensor([0, 2])\nsource = tensor([10.0, 30.0])\naccumulate = False\n"
        "result = torch.ops.aten.put(self, index, source, accumulate)",
    ),
    Formula(
        op="select_scatter",
        node_types=("SelectScatterBackward0",),
        forward="Writes a tensor into one index of a dimension, as a copy.",
        backward="The written tensor gets that index of the gradient; the rest goes to the other input.",
        gradients=(
            GradientTo("self", "grad, 0 at index", "torch.select_scatter(grad, torch.zeros_like(src), dim, index)"),
            GradientTo("src", "grad at index", "grad.select(dim, index)"),
        ),
        example="self = tensor([1.0, 2.0])\nsrc = tensor(9.0)\ndim = 0\nindex = 1\n"
        "result = torch.select_scatter(self, src, dim, index)",
    ),
    Formula(
        op="slice_scatter",
        node_types=("SliceScatterBackward0",),
        forward="Writes a tensor into a range of a dimension, as a copy.",
        backward="The written tensor gets that range of the gradient; the rest goes to the other input.",
        gradients=(
            GradientTo(
                "self",
                "grad, 0 in the range",
                "torch.slice_scatter(grad, torch.zeros_like(src), dim, start, end, step)",
            ),
            GradientTo("src", "grad in the range", "torch.ops.aten.slice(grad, dim, start, end, step)"),
        ),
        example="self = tensor([1.0, 2.0, 3.0])\nsrc = tensor([8.0, 9.0])\ndim = 0\nstart = 1\nend = 3\nstep = 1\n"
        "result = torch.slice_scatter(self, src, dim, start, end, step)",
    ),
    Formula(
        op="diagonal_scatter",
        node_types=("DiagonalScatterBackward0",),
        forward="Writes a tensor onto a diagonal, as a copy.",
        backward="The written tensor gets the diagonal of the gradient; the rest goes to the other input.",
        gradients=(
            GradientTo(
                "self",
                "grad, 0 on the diagonal",
                "torch.diagonal_scatter(grad, torch.zeros_like(src), offset, dim1, dim2)",
            ),
            GradientTo("src", "diagonal of grad", "grad.diagonal(offset, dim1, dim2)"),
        ),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\nsrc = tensor([8.0, 9.0])\noffset = 0\ndim1 = 0\ndim2 = 1\n"
        "result = torch.diagonal_scatter(self, src, offset, dim1, dim2)",
    ),
)

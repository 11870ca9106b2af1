"""Sparse tensors: making them, reading them, and calculating with them."""

from gradtrace.formulas.formula import Formula, GradientTo

_DENSE = "self = tensor([[1.0, 0.0], [0.0, 2.0]])\n"
_AS_IT_IS = "The gradient goes back as it is: the layout changes, the elements do not."
_AT_ENTRIES = "Only positions where the sparse tensor has entries get a gradient."


def _layout(node_type: str, op: str, call: str, words: str) -> Formula:
    """Conversion of a dense tensor; the example goes back to a dense one, which can be shown."""
    return Formula(
        op=op,
        node_types=(node_type,),
        forward=f"Makes a sparse tensor {words} of a dense one.",
        backward=_AS_IT_IS,
        gradients=(GradientTo("self", "grad, where the result has entries", "grad * (self != 0)"),),
        example=f"{_DENSE}result = {call}.to_dense(masked_grad=True)",
    )


FORMULAS = (
    _layout("ToSparseBackward1", "to_sparse", "self.to_sparse()", "of indices and values"),
    _layout(
        "ToSparseBackward0", "to_sparse", "self.to_sparse(2)", "of indices and values, with so many sparse dimensions,"
    ),
    _layout("ToSparseCsrBackward0", "to_sparse_csr", "self.to_sparse_csr()", "of compressed rows"),
    _layout("ToSparseCscBackward0", "to_sparse_csc", "self.to_sparse_csc()", "of compressed columns"),
    _layout("ToSparseBsrBackward0", "to_sparse_bsr", "self.to_sparse_bsr((1, 1))", "of compressed rows of blocks"),
    _layout("ToSparseBscBackward0", "to_sparse_bsc", "self.to_sparse_bsc((1, 1))", "of compressed columns of blocks"),
    Formula(
        op="to_dense",
        node_types=("ToDenseBackward0",),
        forward="Makes a dense tensor of a sparse one.",
        backward="The gradient goes back at the positions where the sparse tensor has entries (masked_grad, the default), else as it is.",
        gradients=(GradientTo("self", "grad, where self has entries", "grad * (self != 0)"),),
        example=f"{_DENSE}result = self.to_sparse().to_dense()",
    ),
    Formula(
        op="sparse_coo_tensor",
        node_types=("SparseCooTensorWithDimsAndTensorsBackward0",),
        forward="Makes a sparse tensor of indices and values.",
        backward="Each value gets the gradient at its position.",
        gradients=(GradientTo("values", "grad at the position of each value", "grad[tuple(indices)]"),),
        example="indices = torch.tensor([[0, 1], [1, 0]])\nvalues = tensor([3.0, 4.0])\n"
        "result = torch.sparse_coo_tensor(indices, values, (2, 2)).to_dense()",
    ),
    Formula(
        op="sparse_compressed_tensor",
        node_types=("SparseCompressedTensorBackward0",),
        forward="Makes a sparse tensor of compressed rows or columns.",
        backward="Each value gets the gradient at its position.",
        gradients=(
            GradientTo(
                "values",
                "grad at the position of each value",
                "grad[torch.repeat_interleave(torch.arange(len(crow_indices) - 1), crow_indices.diff()), col_indices]",
            ),
        ),
        example="crow_indices = torch.tensor([0, 1, 2])\ncol_indices = torch.tensor([1, 0])\nvalues = tensor([3.0, 4.0])\n"
        "result = torch.sparse_csr_tensor(crow_indices, col_indices, values, (2, 2)).to_dense()",
        aliases=("sparse_csr_tensor", "sparse_csc_tensor", "sparse_bsr_tensor", "sparse_bsc_tensor"),
    ),
    Formula(
        op="coalesce",
        node_types=("CoalesceBackward0",),
        forward="Adds up the entries of a sparse tensor that stand at the same position.",
        backward="Each entry gets the whole gradient of its position: they were added.",
        gradients=(GradientTo("values", "grad at the position of each value", "grad[indices[0]]"),),
        example="indices = torch.tensor([[0, 0, 1]])\nvalues = tensor([3.0, 4.0, 5.0])\n"
        "result = torch.sparse_coo_tensor(indices, values, (2,)).coalesce().to_dense()",
    ),
    Formula(
        op="values",
        node_types=("ValuesBackward0",),
        forward="Reads the values of a sparse tensor.",
        backward="Each value's gradient goes to its position.",
        gradients=(
            GradientTo(
                "self",
                "grad at the positions of the values, else 0",
                "torch.zeros_like(self).masked_scatter(self != 0, grad)",
            ),
        ),
        example=f"{_DENSE}result = self.to_sparse().values()",
    ),
    Formula(
        op="sparse_mask",
        node_types=("SparseMaskBackward0",),
        forward="Reads a tensor at the positions where a sparse mask has entries.",
        backward=_AT_ENTRIES,
        gradients=(GradientTo("self", "grad where mask has entries, else 0", "grad * (mask != 0)"),),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\nmask = torch.tensor([[1.0, 0.0], [0.0, 1.0]])\n"
        "result = self.sparse_mask(mask.to_sparse()).to_dense()",
    ),
    Formula(
        op="sparse_sum",
        node_types=("SparseSumBackward0",),
        forward="Adds the elements of a sparse tensor along dimensions.",
        backward=f"Every entry that was summed gets the whole gradient of its sum. {_AT_ENTRIES}",
        gradients=(
            GradientTo("self", "grad, repeated along dim, where self has entries", "grad.unsqueeze(dim) * (self != 0)"),
        ),
        example=f"{_DENSE}dim = 0\nresult = torch.sparse.sum(self.to_sparse(), dim).to_dense()",
        aliases=("sparse.sum",),
    ),
    *(
        Formula(
            op=op,
            node_types=(node_type,),
            forward=f"Takes the {what} over the entries of a sparse tensor, as if positions without one were -∞.",
            backward=f"As for {op.removeprefix('sparse_')} itself, over the entries alone. {_AT_ENTRIES}",
            gradients=(GradientTo("self", maths, code),),
            where=(("has", "self != 0"), ("p", "torch.softmax(self.masked_fill(~has, -math.inf), dim) * has")),
            example="self = tensor([[1.0, 0.0, 2.0], [3.0, 2.0, 0.0]])\ndim = 1\n"
            f"result = torch.sparse.{op.removeprefix('sparse_')}(self.to_sparse(), dim).to_dense()",
            aliases=(op.replace("_", ".", 1),),
        )
        for op, node_type, what, maths, code in (
            (
                "sparse_softmax",
                "SparseSoftmaxBackward0",
                "softmax",
                "result · (grad - Σ grad · result)",
                "p * (grad - (grad * p).sum(dim, keepdim=True))",
            ),
            (
                "sparse_log_softmax",
                "SparseLogSoftmaxBackward0",
                "logarithm of the softmax",
                "grad - e^result · Σ grad, where self has entries",
                "(grad - p * (grad * has).sum(dim, keepdim=True)) * has",
            ),
        )
    ),
    Formula(
        op="sparse_addmm",
        node_types=("SparseAddmmBackward0",),
        forward="Computes beta·self + alpha·(mat1 · mat2) for a sparse mat1.",
        backward="As for addmm; the sparse matrix gets its gradient at its entries only.",
        gradients=(
            GradientTo("self", "beta · grad", "beta * grad"),
            GradientTo("mat1", "alpha · grad · mat2ᵀ, where mat1 has entries", "alpha * grad @ mat2.mT * (mat1 != 0)"),
            GradientTo("mat2", "alpha · mat1ᵀ · grad", "alpha * mat1.mT @ grad"),
        ),
        example="self = tensor([[1.0, 2.0], [3.0, 4.0]])\nmat1 = tensor([[1.0, 0.0], [0.0, 2.0]])\nmat2 = tensor([[1.0, 1.0], [2.0, 3.0]])\n"
        "beta = 1\nalpha = 1\nresult = torch.sparse.addmm(self, mat1.to_sparse(), mat2, beta=beta, alpha=alpha)",
        aliases=("sparse.addmm", "sparse.mm"),
    ),
    Formula(
        op="sparse_sampled_addmm",
        node_types=("SparseSampledAddmmBackward0",),
        forward="Computes beta·self + alpha·(mat1 · mat2) at the positions where the sparse self has entries.",
        backward="As for addmm, from the gradients at these positions alone.",
        gradients=(
            GradientTo("self", "beta · grad at the entries", "beta * g"),
            GradientTo("mat1", "alpha · grad · mat2ᵀ", "alpha * g @ mat2.mT"),
            GradientTo("mat2", "alpha · mat1ᵀ · grad", "alpha * mat1.mT @ g"),
        ),
        where=(("g", "grad * (self != 0)"),),
        example="self = tensor([[1.0, 0.0], [0.0, 4.0]])\nmat1 = tensor([[1.0, 0.5], [0.0, 2.0]])\nmat2 = tensor([[1.0, 1.0], [2.0, 3.0]])\n"
        "beta = 1.0\nalpha = 1.0\nresult = torch.sparse.sampled_addmm(self.to_sparse_csr(), mat1, mat2, beta=beta, alpha=alpha).to_dense()",
        aliases=("sparse.sampled_addmm",),
    ),
    Formula(
        op="sparse_sparse_matmul",
        node_types=("SparseSparseMatmulBackward0",),
        forward="Multiplies two sparse matrices.",
        backward="As for a product of matrices, at the entries of each factor only.",
        gradients=(
            GradientTo("self", "grad · otherᵀ, where self has entries", "grad @ other.mT * (self != 0)"),
            GradientTo("other", "selfᵀ · grad, where other has entries", "self.mT @ grad * (other != 0)"),
        ),
        example=f"{_DENSE}other = tensor([[1.0, 3.0], [2.0, 0.0]])\nresult = torch.sparse.mm(self.to_sparse(), other.to_sparse()).to_dense()",
    ),
    Formula(
        op="sparse_mm_reduce",
        node_types=("SparseMmReduceImplBackward0",),
        forward="Multiplies a sparse matrix with a dense one, and combines the products of each row by sum, mean, largest or smallest.",
        backward="As for a product of matrices; with a mean in shares, with the largest or smallest to the product that it was.",
        gradients=(
            GradientTo("self", "grad · otherᵀ, where self has entries (for a sum)", "grad @ other.mT * (self != 0)"),
            GradientTo("other", "selfᵀ · grad (for a sum)", "self.mT @ grad"),
        ),
        example=f"{_DENSE}other = tensor([[1.0, 3.0], [2.0, 0.5]])\nresult = torch.sparse.mm(self.to_sparse_csr(), other, 'sum')",
    ),
)
"""Each example begins and ends with dense tensors, which can be shown."""

"""Matrix products and linear algebra."""

from gradtrace.formulas.formula import Formula, GradientTo

_TWO = "tensor([[1.0, 2.0], [3.0, 4.0]])"

PRODUCTS = (
    Formula(
        op="mm",
        node_types=("MmBackward0",),
        forward="Multiplies two matrices: [n,k] · [k,m] → [n,m].",
        backward="The left factor gets the gradient times the right one, transposed; the right gets the left, transposed, times the gradient.",
        gradients=(
            GradientTo("self", "grad · mat2ᵀ", "grad @ mat2.mH"),
            GradientTo("mat2", "selfᵀ · grad", "self.mH @ grad"),
        ),
        example="self = tensor([[1.0, 2.0]])\nmat2 = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])\nresult = torch.mm(self, mat2)",
        aliases=("matmul", "einsum", "linear"),
    ),
    Formula(
        op="bmm",
        node_types=("BmmBackward0",),
        forward="Multiplies two stacks of matrices, pair by pair: [b,n,k] · [b,k,m] → [b,n,m].",
        backward="In each pair, the left factor gets gradient · rightᵀ and the right gets leftᵀ · gradient.",
        gradients=(
            GradientTo("self", "grad · mat2ᵀ", "grad.bmm(mat2.mH)"),
            GradientTo("mat2", "selfᵀ · grad", "self.mH.bmm(grad)"),
        ),
        example="self = tensor([[[1.0, 2.0]]])\nmat2 = tensor([[[1.0], [4.0]]])\nresult = torch.bmm(self, mat2)",
        aliases=("matmul", "einsum"),
    ),
    Formula(
        op="mv",
        node_types=("MvBackward0",),
        forward="Multiplies a matrix with a vector: [n,k] · [k] → [n].",
        backward="The matrix gets the outer product of gradient and vector; the vector gets matrixᵀ · gradient.",
        gradients=(
            GradientTo("self", "grad ⊗ vec", "grad.outer(vec.conj())"),
            GradientTo("vec", "selfᵀ · grad", "self.mH.mv(grad)"),
        ),
        example=f"self = {_TWO}\nvec = tensor([5.0, 6.0])\nresult = torch.mv(self, vec)",
        aliases=("matmul",),
    ),
    Formula(
        op="dot",
        node_types=("DotBackward0",),
        forward="Multiplies two vectors element by element and adds the products.",
        backward="Each vector gets the other one, times the gradient.",
        gradients=(
            GradientTo("self", "grad · tensor", "grad * tensor.conj()"),
            GradientTo("tensor", "grad · self", "grad * self.conj()"),
        ),
        example="self = torch.tensor([1.0, 2.0])\ntensor = torch.tensor([3.0, 4.0])\nresult = torch.dot(self, tensor)",
        aliases=("matmul", "inner"),
    ),
    Formula(
        op="vdot",
        node_types=("VdotBackward0",),
        forward="The dot product with the first vector conjugated.",
        backward="Each vector gets the other one, times the gradient (conjugated for the first).",
        gradients=(
            GradientTo("self", "grad · other", "grad.conj() * other"),
            GradientTo("other", "grad · self", "grad * self"),
        ),
        example="self = tensor([1.0, 2.0])\nother = tensor([3.0, 4.0])\nresult = torch.vdot(self, other)",
    ),
    Formula(
        op="addmm",
        node_types=("AddmmBackward0",),
        forward="Computes beta·self + alpha·(mat1 · mat2): what nn.Linear does, self being its bias.",
        backward=(
            "The bias gets the gradient, summed over the rows along which it was broadcast; "
            "mat1 gets gradient · mat2ᵀ and mat2 gets mat1ᵀ · gradient, times alpha."
        ),
        gradients=(
            GradientTo("self", "beta · grad", "beta.conjugate() * grad"),
            GradientTo("mat1", "alpha · grad · mat2ᵀ", "alpha.conjugate() * (grad @ mat2.mH)"),
            GradientTo("mat2", "alpha · mat1ᵀ · grad", "alpha.conjugate() * (mat1.mH @ grad)"),
        ),
        example=f"self = tensor([10.0, 20.0])\nmat1 = tensor([[1.0, 2.0], [0.0, 1.0], [2.0, 0.0]])\nmat2 = {_TWO}\n"
        "beta = 1\nalpha = 1\nresult = torch.addmm(self, mat1, mat2)",
        aliases=("linear",),
    ),
    Formula(
        op="addmv",
        node_types=("AddmvBackward0",),
        forward="Computes beta·self + alpha·(mat · vec).",
        backward="The summand gets beta·gradient, the matrix the outer product of gradient and vector, the vector matᵀ · gradient.",
        gradients=(
            GradientTo("self", "beta · grad", "beta.conjugate() * grad"),
            GradientTo("mat", "alpha · grad ⊗ vec", "alpha.conjugate() * grad.outer(vec.conj())"),
            GradientTo("vec", "alpha · matᵀ · grad", "alpha.conjugate() * mat.mH.mv(grad)"),
        ),
        example=f"self = tensor([10.0, 20.0])\nmat = {_TWO}\nvec = tensor([1.0, 2.0])\nbeta = 1\nalpha = 1\n"
        "result = torch.addmv(self, mat, vec)",
    ),
    Formula(
        op="addr",
        node_types=("AddrBackward0",),
        forward="Computes beta·self + alpha·(vec1 ⊗ vec2).",
        backward="The summand gets beta·gradient; each vector gets the gradient matrix times the other vector.",
        gradients=(
            GradientTo("self", "beta · grad", "beta.conjugate() * grad"),
            GradientTo("vec1", "alpha · grad · vec2", "alpha.conjugate() * grad.mv(vec2.conj())"),
            GradientTo("vec2", "alpha · gradᵀ · vec1", "alpha.conjugate() * grad.t().mv(vec1.conj())"),
        ),
        example=f"self = {_TWO}\nvec1 = tensor([1.0, 2.0])\nvec2 = tensor([3.0, 4.0])\nbeta = 1\nalpha = 1\n"
        "result = torch.addr(self, vec1, vec2)",
    ),
    Formula(
        op="baddbmm",
        node_types=("BaddbmmBackward0",),
        forward="Computes beta·self + alpha·(batch1 · batch2), matrix by matrix.",
        backward="The summand gets beta·gradient; the factors get gradient · batch2ᵀ and batch1ᵀ · gradient, times alpha.",
        gradients=(
            GradientTo("self", "beta · grad", "beta.conjugate() * grad"),
            GradientTo("batch1", "alpha · grad · batch2ᵀ", "alpha.conjugate() * grad.bmm(batch2.mH)"),
            GradientTo("batch2", "alpha · batch1ᵀ · grad", "alpha.conjugate() * batch1.mH.bmm(grad)"),
        ),
        example="self = tensor([[[1.0]]])\nbatch1 = tensor([[[1.0, 2.0]]])\nbatch2 = tensor([[[3.0], [4.0]]])\nbeta = 1\nalpha = 1\n"
        "result = torch.baddbmm(self, batch1, batch2)",
    ),
    Formula(
        op="addbmm",
        node_types=("AddbmmBackward0",),
        forward="Computes beta·self + alpha·Σ(batch1 · batch2), summed over the stack.",
        backward="The summand gets beta·gradient; every pair of factors gets gradient · batch2ᵀ and batch1ᵀ · gradient, times alpha.",
        gradients=(
            GradientTo("self", "beta · grad", "beta.conjugate() * grad"),
            GradientTo("batch1", "alpha · grad · batch2ᵀ", "alpha.conjugate() * (grad @ batch2.mH)"),
            GradientTo("batch2", "alpha · batch1ᵀ · grad", "alpha.conjugate() * (batch1.mH @ grad)"),
        ),
        example="self = tensor([[1.0]])\nbatch1 = tensor([[[1.0, 2.0]]])\nbatch2 = tensor([[[3.0], [4.0]]])\nbeta = 1\nalpha = 1\n"
        "result = torch.addbmm(self, batch1, batch2)",
    ),
    Formula(
        op="grouped_mm",
        node_types=("GroupedMmBackward0",),
        forward="Multiplies groups of rows, each with a matrix of its own: experts in a mixture, offs telling where each group ends.",
        backward="In each group of rows, the rows get gradient · matrixᵀ and the group's matrix rowsᵀ · gradient.",
        gradients=(
            GradientTo(
                "self",
                "grad · mat2ᵀ, group by group",
                "torch.cat([grad[a:b] @ m.mT for (a, b), m in zip(groups, mat2)])",
            ),
            GradientTo(
                "mat2", "selfᵀ · grad, group by group", "torch.stack([self[a:b].mT @ grad[a:b] for a, b in groups])"
            ),
        ),
        where=(("groups", "list(zip([0, *offs.tolist()[:-1]], offs.tolist()))"),),
        example="self = torch.arange(1.0, 9.0, dtype=torch.bfloat16).reshape(1, 8).repeat(2, 1)\n"
        "mat2 = torch.eye(8, dtype=torch.bfloat16).repeat(2, 1, 1)\n"
        "offs = torch.tensor([1, 2], dtype=torch.int32)\nresult = torch._grouped_mm(self, mat2, offs)",
    ),
    Formula(
        op="cross",
        node_types=("LinalgCrossBackward0",),
        forward="Takes the cross product of vectors of three elements.",
        backward="The first gets other × gradient, the second gradient × self.",
        gradients=(
            GradientTo("self", "other × grad", "torch.linalg.cross(other.conj(), grad, dim=dim)"),
            GradientTo("other", "grad × self", "torch.linalg.cross(grad, self.conj(), dim=dim)"),
        ),
        example="self = tensor([1.0, 0.0, 0.0])\nother = tensor([0.0, 1.0, 0.0])\ndim = -1\n"
        "result = torch.linalg.cross(self, other, dim=dim)",
        aliases=("linalg_cross",),
    ),
)

ALGEBRA = (
    Formula(
        op="inv",
        node_types=("LinalgInvExBackward0",),
        forward="Inverts a matrix.",
        backward="The gradient is multiplied by minus the inverse, transposed, from both sides.",
        gradients=(GradientTo("A", "-A⁻ᵀ · grad · A⁻ᵀ", "-inverse.mH @ grad @ inverse.mH"),),
        example="A = tensor([[2.0, 0.0], [1.0, 1.0]])\ninverse, info = torch.linalg.inv_ex(A)",
        aliases=("inverse", "linalg_inv"),
    ),
    Formula(
        op="det",
        node_types=("LinalgDetBackward0",),
        forward="Computes the determinant of a matrix.",
        backward="The matrix gets the gradient times the determinant times its inverse, transposed.",
        gradients=(
            GradientTo(
                "A",
                "grad · det · A⁻ᵀ",
                "(grad * result.conj())[..., None, None] * torch.linalg.inv(A).mH",
            ),
        ),
        example="A = tensor([[2.0, 0.0], [1.0, 1.0]])\nresult, LU, pivots = torch.ops.aten._linalg_det(A)",
        aliases=("linalg_det",),
    ),
    Formula(
        op="solve",
        node_types=("LinalgSolveExBackward0",),
        forward="Solves A·X = B for X (X·A = B with left=False).",
        backward="B gets the solution of the transposed system for the gradient; A gets minus that times the solution, transposed.",
        gradients=(
            GradientTo(
                "A",
                "-A⁻ᵀ · grad · resultᵀ",
                "outer.reshape(A.shape) if outer.shape == A.shape else outer.sum_to_size(A.shape)",
            ),
            GradientTo("B", "A⁻ᵀ · grad", "g"),
        ),
        where=(
            ("g", "torch.linalg.solve(A.mH, grad, left=left)"),
            ("is_vector", "B.dim() == 1 or (B.dim() == A.dim() - 1 and B.shape == A.shape[:-1])"),
            ("g2", "g.unsqueeze(-1) if is_vector else g"),
            ("x2", "result.unsqueeze(-1) if is_vector else result"),
            ("outer", "-g2 @ x2.mH if left else -x2.mH @ g2"),
        ),
        example="A = tensor([[2.0, 0.0], [1.0, 1.0]])\nB = tensor([2.0, 3.0])\nleft = True\n"
        "result, LU, pivots, info = torch.ops.aten._linalg_solve_ex(A, B)",
        aliases=("linalg_solve",),
    ),
    Formula(
        op="cholesky",
        node_types=("LinalgCholeskyExBackward0",),
        forward="Factors a symmetric positive definite matrix into L·Lᵀ.",
        backward="With Φ taking the lower triangle and half the diagonal, the matrix gets L⁻ᵀ · sym(Φ(Lᵀ·grad)) · L⁻¹.",
        gradients=(
            GradientTo(
                "self",
                "L⁻ᵀ · sym(Φ(Lᵀ · grad)) · L⁻¹",
                "inverse.mH @ ((m + m.tril(-1).mH) / 2) @ inverse",
            ),
        ),
        where=(
            ("low", "L.mH if upper else L"),
            ("m", "(low.mH @ (grad.mH if upper else grad)).tril()"),
            ("inverse", "torch.linalg.inv(low)"),
        ),
        example="self = tensor([[4.0, 2.0], [2.0, 3.0]])\nupper = False\nL, info = torch.linalg.cholesky_ex(self)",
        aliases=("linalg_cholesky",),
    ),
    Formula(
        op="matrix_exp",
        node_types=("LinalgMatrixExpBackward0",),
        forward="Computes the exponential of a matrix.",
        backward="The gradient is carried back by the derivative of the exponential: the corner block of exp([[Aᵀ, grad], [0, Aᵀ]]).",
        gradients=(
            GradientTo(
                "self", "upper right block of exp([[Aᵀ, grad], [0, Aᵀ]])", "torch.linalg.matrix_exp(block)[..., :n, n:]"
            ),
        ),
        where=(
            ("n", "self.shape[-1]"),
            (
                "block",
                "torch.cat([torch.cat([self.mH, grad], -1), torch.cat([torch.zeros_like(self), self.mH], -1)], -2)",
            ),
        ),
        example="self = tensor([[0.0, 1.0], [0.0, 0.0]])\nresult = torch.linalg.matrix_exp(self)",
    ),
    Formula(
        op="slogdet",
        node_types=("LinalgSlogdetBackward0",),
        forward="Computes sign and logarithm of the absolute determinant.",
        backward="The logarithm sends the gradient times the inverse, transposed; the sign of a real matrix sends none.",
        gradients=(
            GradientTo(
                "A",
                "grad · A⁻ᵀ",
                "g[..., None, None] * torch.linalg.inv(A).mH",
            ),
        ),
        where=(("g", "grads[1] - 1j * (grads[0].conj() * sign).imag if A.is_complex() else grads[1]"),),
        example="A = tensor([[2.0, 0.0], [1.0, 1.0]])\nsign, logabsdet, LU, pivots = torch.ops.aten._linalg_slogdet(A)",
        aliases=("logdet",),
    ),
)

FORMULAS = (*PRODUCTS, *ALGEBRA)

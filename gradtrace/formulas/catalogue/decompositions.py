"""Decompositions of matrices, and solutions by them."""

from gradtrace.formulas.formula import Formula, GradientTo

_SYMMETRIC = "A = tensor([[2.0, 1.0], [1.0, 3.0]])\n"
_SQUARE = "A = tensor([[2.0, 1.0], [0.5, 3.0]])\n"

EIGEN = (
    Formula(
        op="eigh",
        node_types=("LinalgEighBackward0",),
        forward="Finds eigenvalues λ and eigenvectors V of a symmetric matrix: A = V · diag(λ) · Vᵀ.",
        backward=(
            "In the basis of the eigenvectors, the gradient of λ stands on the diagonal, and the skew part of Vᵀ · (gradient of V) beside it, divided by the "
            "differences of the eigenvalues: where two are close, this grows without bound."
        ),
        gradients=(
            GradientTo(
                "A",
                "V · (diag(grad of λ) + skew(Vᵀ · (grad of V)) / (λⱼ - λᵢ)) · Vᵀ",
                "eigenvectors @ (torch.diag_embed(grads[0]) + inner) @ eigenvectors.mH",
            ),
        ),
        where=(
            ("same", "torch.eye(eigenvalues.shape[-1], dtype=torch.bool)"),
            ("apart", "(eigenvalues.unsqueeze(-2) - eigenvalues.unsqueeze(-1)).masked_fill(same, 1)"),
            ("turned", "eigenvectors.mH @ grads[1]"),
            ("inner", "((turned - turned.mH) / 2 / apart).masked_fill(same, 0)"),
        ),
        example=f"{_SYMMETRIC}eigenvalues, eigenvectors = torch.linalg.eigh(A)",
        aliases=("linalg_eigh", "eigvalsh", "linalg_eigvalsh"),
    ),
    Formula(
        op="eig",
        node_types=("LinalgEigBackward0",),
        forward="Finds eigenvalues λ and eigenvectors V of a square matrix, in complex numbers: A · V = V · diag(λ).",
        backward=(
            "As for a symmetric matrix, with V⁻¹ in the place of Vᵀ; the part of the gradient along each eigenvector is taken away "
            "because these have length 1. A loss that depends on the phase of the eigenvectors is refused."
        ),
        gradients=(
            GradientTo(
                "self",
                "V⁻ᵀ · (diag(grad of λ) + (Vᵀ · (grad of V) without what changes lengths) / (λⱼ - λᵢ)) · Vᵀ",
                "torch.linalg.solve(eigenvectors.mH, (torch.diag_embed(grads[0]) + inner) @ eigenvectors.mH)",
            ),
        ),
        where=(
            ("same", "torch.eye(eigenvalues.shape[-1], dtype=torch.bool)"),
            ("apart", "(eigenvalues.unsqueeze(-2) - eigenvalues.unsqueeze(-1)).conj().masked_fill(same, 1)"),
            ("along", "eigenvectors.mH @ grads[1]"),
            ("lengths", "eigenvectors.mH @ eigenvectors * along.diagonal(0, -2, -1).real.unsqueeze(-2)"),
            ("inner", "((along - lengths) / apart).masked_fill(same, 0)"),
        ),
        example="self = tensor([[2.0, 1.0], [0.5, 3.0]])\neigenvalues, eigenvectors = torch.linalg.eig(self)",
        aliases=("linalg_eig", "eigvals", "linalg_eigvals"),
    ),
    Formula(
        op="svd",
        node_types=("LinalgSvdBackward0",),
        forward="Finds the singular values S of a matrix, with orthogonal U and V: A = U · diag(S) · Vᵀ.",
        backward=(
            "The gradient of S stands on the diagonal between U and Vᵀ; those of U and V beside it, divided by differences of squared "
            "singular values: where two are close, this grows without bound. With S alone nothing is divided."
        ),
        gradients=(
            GradientTo(
                "A",
                "U · (diag(grad of S) + (skew(Uᵀ·gU) · S + S · skew(Vᵀ·gV)) / (Sⱼ² - Sᵢ²)) · Vᵀ, and gU, gV outside of U and V divided by S",
                "u @ (torch.diag_embed(grads[1]) + inner + phase) @ vh"
                " + (gu - u @ (u.mH @ gu)) / S.unsqueeze(-2) @ vh + u @ ((gvh - gvh @ vh.mH @ vh) / S.unsqueeze(-1))",
            ),
        ),
        where=(
            ("k", "S.shape[-1]"),
            ("u", "U[..., :k]"),
            ("vh", "Vh[..., :k, :]"),
            ("gu", "grads[0][..., :k]"),
            ("gvh", "grads[2][..., :k, :]"),
            ("left", "u.mH @ gu - gu.mH @ u"),
            ("right", "vh @ gvh.mH - gvh @ vh.mH"),
            ("same", "torch.eye(k, dtype=torch.bool)"),
            ("apart", "(S.unsqueeze(-2).square() - S.unsqueeze(-1).square()).masked_fill(same, 1)"),
            ("inner", "((left * S.unsqueeze(-2) + S.unsqueeze(-1) * right) / apart).masked_fill(same, 0)"),
            ("phase", "torch.diag_embed(left.diagonal(0, -2, -1) / (2 * S))"),
        ),
        example="A = tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 3.0]])\nU, S, Vh = torch.linalg.svd(A, full_matrices=False)",
        aliases=("linalg_svd", "svdvals", "linalg_svdvals"),
    ),
)

_LU_GRADIENT = (
    GradientTo(
        "A",
        "P · L⁻ᵀ · (tril(Lᵀ · gL) + triu(gU · Uᵀ)) · U⁻ᵀ",
        "permutation @ whole if pivot else whole",
    ),
)
_LU_WHERE = (
    ("k", "min(A.shape[-2:])"),
    ("l1", "low[..., :k, :]"),
    ("u1", "up[..., :, :k]"),
    ("inner", "l1.mH @ gl[..., :k, :] - gu[..., :, k:] @ up[..., :, k:].mH"),
    ("outer", "gu[..., :, :k] @ u1.mH - low[..., k:, :].mH @ gl[..., k:, :]"),
    (
        "half",
        "torch.linalg.solve_triangular(l1.mH, inner.tril(-1) + outer.triu(), upper=True, unitriangular=True)",
    ),
    ("core", "torch.linalg.solve_triangular(u1.mH, half, upper=False, left=False)"),
    ("below", "torch.linalg.solve_triangular(u1.mH, gl[..., k:, :], upper=False, left=False)"),
    ("beside", "torch.linalg.solve_triangular(l1.mH, gu[..., :, k:], upper=True, unitriangular=True)"),
    ("whole", "torch.cat([core, below], -2) if A.shape[-2] > k else torch.cat([core, beside], -1)"),
)
_LU_WORDS = (
    "The lower part of Lᵀ · (gradient of L) and the upper part of (gradient of U) · Uᵀ together are carried back through L and U, "
    "and the rows are put back in their old order."
)

TRIANGULAR = (
    Formula(
        op="qr",
        node_types=("LinalgQrBackward0",),
        forward="Factors a matrix into Q with orthogonal columns and upper triangular R.",
        backward=(
            "With X the upper part of (gradient of R) · Rᵀ - Qᵀ · (gradient of Q), made symmetric, the matrix gets (gradient of Q + Q · X) · R⁻ᵀ."
        ),
        gradients=(
            GradientTo(
                "A", "(gQ + Q · sym(triu(gR · Rᵀ - Qᵀ · gQ))) · R⁻ᵀ", "torch.cat([core, Q @ grads[1][..., k:]], -1)"
            ),
        ),
        where=(
            ("k", "R.shape[-2]"),
            ("r", "R[..., :k]"),
            ("gq", "grads[0] + A[..., k:] @ grads[1][..., k:].mH"),
            ("x", "(grads[1][..., :k] @ r.mH - Q.mH @ gq).triu()"),
            ("symmetric", "x + x.mH - torch.diag_embed(x.diagonal(0, -2, -1).real)"),
            ("core", "torch.linalg.solve_triangular(r.mH, gq + Q @ symmetric, upper=False, left=False)"),
        ),
        example="A = tensor([[2.0, 1.0], [1.0, 1.0], [0.0, 3.0]])\nQ, R = torch.linalg.qr(A)",
        aliases=("linalg_qr",),
    ),
    Formula(
        op="lu",
        node_types=("LinalgLuBackward0",),
        forward="Factors a matrix into a permutation P, a lower triangular L with ones on the diagonal, and an upper triangular U.",
        backward=_LU_WORDS,
        gradients=_LU_GRADIENT,
        where=(
            ("permutation", "P"),
            ("low", "L"),
            ("up", "U"),
            ("gl", "grads[0]"),
            ("gu", "grads[1]"),
            *_LU_WHERE,
        ),
        example=f"{_SQUARE}pivot = True\nP, L, U = torch.linalg.lu(A, pivot=pivot)",
        aliases=("linalg_lu",),
    ),
    Formula(
        op="lu_factor",
        node_types=("LinalgLuFactorExBackward0",),
        forward="Factors a matrix into triangular L and U, kept in one matrix, with the order of its rows.",
        backward=_LU_WORDS,
        gradients=_LU_GRADIENT,
        where=(
            ("permutation", "torch.lu_unpack(LU, pivots, unpack_data=False)[0] if pivot else None"),
            ("low", "torch.lu_unpack(LU, pivots, unpack_pivots=False)[1]"),
            ("up", "torch.lu_unpack(LU, pivots, unpack_pivots=False)[2]"),
            ("gl", "grad[..., :, : low.shape[-1]].tril(-1)"),
            ("gu", "grad[..., : up.shape[-2], :].triu()"),
            *_LU_WHERE,
        ),
        example=f"{_SQUARE}pivot = True\nLU, pivots, info = torch.linalg.lu_factor_ex(A, pivot=pivot)",
        aliases=("linalg_lu_factor", "linalg_lu_factor_ex"),
    ),
    Formula(
        op="lu_unpack",
        node_types=("LuUnpackBackward0",),
        forward="Takes L and U out of the one matrix in which they are kept.",
        backward="The gradient of L goes below the diagonal, that of U on and above it: L's ones and both zeros are constants.",
        gradients=(
            GradientTo(
                "LU_data",
                "tril(grad of L) below the diagonal + triu(grad of U)",
                "F.pad(grads[0].tril(-1), (0, LU_data.shape[-1] - k)) + F.pad(grads[1].triu(), (0, 0, 0, LU_data.shape[-2] - k))",
            ),
        ),
        where=(("k", "min(LU_data.shape[-2:])"),),
        example="LU_data = tensor([[2.0, 1.0], [0.5, 3.0]])\nLU_pivots = torch.tensor([1, 2], dtype=torch.int32)\n"
        "P, L, U = torch.lu_unpack(LU_data, LU_pivots)",
    ),
    Formula(
        op="cholesky",
        node_types=("CholeskyBackward0",),
        forward="Factors a symmetric positive definite matrix into L·Lᵀ (the older torch.cholesky).",
        backward="With Φ taking the lower triangle and half the diagonal, the matrix gets L⁻ᵀ · sym(Φ(Lᵀ·grad)) · L⁻¹.",
        gradients=(
            GradientTo(
                "self",
                "L⁻ᵀ · sym(Φ(Lᵀ · grad)) · L⁻¹",
                "inverse.mH @ ((m + m.tril(-1).mH) / 2) @ inverse",
            ),
        ),
        where=(
            ("low", "result.mH if upper else result"),
            ("m", "(low.mH @ (grad.mH if upper else grad)).tril()"),
            ("inverse", "torch.linalg.inv(low)"),
        ),
        example="self = tensor([[4.0, 2.0], [2.0, 3.0]])\nupper = False\nresult = torch.cholesky(self, upper)",
    ),
)

_PSEUDO = (
    "-inverse.mH @ g @ inverse.mH + (torch.eye(A.shape[-2], dtype=A.dtype) - A @ inverse) @ g.mH @ inverse @ inverse.mH"
    " + inverse.mH @ inverse @ g.mH @ (torch.eye(A.shape[-1], dtype=A.dtype) - inverse @ A)"
)
_PSEUDO_MATHS = "-A⁺ᵀ · grad · A⁺ᵀ + (1 - A·A⁺) · gradᵀ · A⁺·A⁺ᵀ + A⁺ᵀ·A⁺ · gradᵀ · (1 - A⁺·A)"

SOLUTIONS = (
    Formula(
        op="pinv",
        node_types=("LinalgPinvBackward0",),
        forward="Computes the pseudo-inverse A⁺ of a matrix.",
        backward=(
            "As for the inverse, the gradient is multiplied by minus A⁺, transposed, from both sides; two more terms carry it through "
            "what A⁺ leaves out on the left and on the right (both 0 for an invertible matrix)."
        ),
        gradients=(GradientTo("self", _PSEUDO_MATHS, _PSEUDO),),
        where=(("A", "self"), ("inverse", "result"), ("g", "grad")),
        example="self = tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 3.0]])\nresult = torch.linalg.pinv(self)",
        aliases=("linalg_pinv", "pinverse"),
    ),
    Formula(
        op="lstsq",
        node_types=("LinalgLstsqBackward0",),
        forward="Solves A·X = b as well as it can be: X makes the sum of squared differences smallest.",
        backward=(
            "b gets the pseudo-inverse, transposed, times the gradient; A gets what pinv would send for gradient · bᵀ. "
            "Residuals send twice the difference A·X - b."
        ),
        gradients=(
            GradientTo(
                "self",
                "what pinv sends for grad · bᵀ, and 2 · (A·X - b) · (grad of residuals) · Xᵀ",
                f"{_PSEUDO} + (2 * away * weights @ x.mH)",
            ),
            GradientTo(
                "b",
                "A⁺ᵀ · grad - 2 · (A·X - b) · (grad of residuals)",
                "(inverse.mH @ gx - 2 * away * weights).reshape(b.shape)",
            ),
        ),
        where=(
            ("A", "self"),
            ("is_vector", "b.dim() == A.dim() - 1"),
            ("x", "solution.unsqueeze(-1) if is_vector else solution"),
            ("gx", "grads[0].unsqueeze(-1) if is_vector else grads[0]"),
            ("b2", "b.unsqueeze(-1) if is_vector else b"),
            ("inverse", "torch.linalg.pinv(A)"),
            ("g", "gx @ b2.mH"),
            ("away", "A @ x - b2"),
            ("weights", "grads[1].unsqueeze(-2) if residuals.numel() else torch.zeros_like(x[..., :1, :])"),
        ),
        example="self = tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 3.0]])\nb = tensor([[1.0], [2.0], [4.0]])\n"
        "solution, residuals, rank, singular_values = torch.linalg.lstsq(self, b)",
        aliases=("linalg_lstsq",),
    ),
    Formula(
        op="solve_triangular",
        node_types=("LinalgSolveTriangularBackward0",),
        forward="Solves A·X = B for a triangular A (X·A = B with left=False).",
        backward="B gets the solution of the transposed system for the gradient; A gets the triangle of minus that times X, transposed.",
        gradients=(
            GradientTo("self", "triangle of -(A⁻ᵀ · grad) · resultᵀ", "whole.triu(cut) if upper else whole.tril(-cut)"),
            GradientTo("B", "A⁻ᵀ · grad", "g"),
        ),
        where=(
            (
                "g",
                "torch.linalg.solve_triangular(self.mH, grad, upper=not upper, left=left, unitriangular=unitriangular)",
            ),
            ("whole", "(-g @ result.mH if left else -result.mH @ g).sum_to_size(self.shape)"),
            ("cut", "int(unitriangular)"),
        ),
        example="self = tensor([[2.0, 0.0], [1.0, 1.0]])\nB = tensor([[2.0], [3.0]])\nupper = False\nleft = True\nunitriangular = False\n"
        "result = torch.linalg.solve_triangular(self, B, upper=upper, left=left, unitriangular=unitriangular)",
        aliases=("linalg_solve_triangular",),
    ),
    Formula(
        op="triangular_solve",
        node_types=("TriangularSolveBackward0",),
        forward="Solves A·X = b for a triangular A (the older form of linalg.solve_triangular).",
        backward="b gets the solution of the transposed system for the gradient; A gets the triangle of minus that times X, transposed.",
        gradients=(
            GradientTo("self", "A⁻ᵀ · grad", "g"),
            GradientTo(
                "A",
                "triangle of -(A⁻ᵀ · grad) · Xᵀ",
                "(whole.triu(int(unitriangular)) if upper else whole.tril(-int(unitriangular))) + grads[1]",
            ),
        ),
        where=(
            (
                "g",
                "torch.triangular_solve(grads[0], A.conj(), upper, not transpose, unitriangular)[0]",
            ),
            ("x", "solution"),
            ("product", "-x.conj() @ g.mT if transpose else -g @ x.mH"),
            ("whole", "product.sum_to_size(A.shape)"),
        ),
        example="self = tensor([[2.0], [3.0]])\nA = tensor([[2.0, 1.0], [0.0, 1.0]])\nupper = True\ntranspose = False\nunitriangular = False\n"
        "solution, cloned_coefficient = torch.triangular_solve(self, A, upper, transpose, unitriangular)",
    ),
    Formula(
        op="cholesky_solve",
        node_types=("CholeskySolveBackward0",),
        forward="Solves L·Lᵀ·X = b, L being a Cholesky factor.",
        backward="b gets the solution of the same system for the gradient; L gets minus (that times Xᵀ, plus the transpose) times L.",
        gradients=(
            GradientTo("self", "(L·Lᵀ)⁻¹ · grad", "g"),
            GradientTo(
                "input2", "-(G + Gᵀ) · L, G being (L·Lᵀ)⁻¹ · grad · Xᵀ", "-(input2 @ both if upper else both @ input2)"
            ),
        ),
        where=(
            ("g", "torch.cholesky_solve(grad, input2, upper)"),
            ("one", "g @ result.mH"),
            ("both", "one + one.mH"),
        ),
        example="self = tensor([[2.0], [3.0]])\ninput2 = tensor([[2.0, 0.0], [1.0, 1.0]])\nupper = False\n"
        "result = torch.cholesky_solve(self, input2, upper)",
    ),
    Formula(
        op="cholesky_inverse",
        node_types=("CholeskyInverseBackward0",),
        forward="Computes the inverse of L·Lᵀ, L being a Cholesky factor.",
        backward="L gets minus the result times (gradient + its transpose) times the result times L.",
        gradients=(
            GradientTo("self", "-result · (grad + gradᵀ) · result · L", "-(self @ both if upper else both @ self)"),
        ),
        where=(("both", "result @ (grad + grad.mH) @ result"),),
        example="self = tensor([[2.0, 0.0], [1.0, 1.0]])\nupper = False\nresult = torch.cholesky_inverse(self, upper)",
    ),
    Formula(
        op="lu_solve",
        node_types=("LinalgLuSolveBackward0",),
        forward="Solves A·X = B with the factors of A that lu_factor found.",
        backward=(
            "B gets the solution of the transposed system for the gradient; minus that times Xᵀ is what A would get, and goes on to L and U."
        ),
        gradients=(
            GradientTo(
                "LU",
                "tril(Pᵀ·G·Uᵀ) below the diagonal + triu(Lᵀ·Pᵀ·G), G being -(A⁻ᵀ·grad) · Xᵀ",
                "(h @ U.mH).tril(-1) + (L.mH @ h).triu()",
            ),
            GradientTo("B", "A⁻ᵀ · grad", "g"),
        ),
        where=(
            ("g", "torch.linalg.lu_solve(LU, pivots, grad, left=left, adjoint=not adjoint)"),
            ("plain", "-(g @ result.mH if left else result.mH @ g)"),
            ("flipped", "-(result @ g.mH if left else g.mH @ result)"),
            ("P", "torch.lu_unpack(LU, pivots)[0]"),
            ("L", "torch.lu_unpack(LU, pivots)[1]"),
            ("U", "torch.lu_unpack(LU, pivots)[2]"),
            ("h", "P.mT @ (flipped if adjoint else plain)"),
        ),
        example="LU = tensor([[2.0, 1.0], [0.5, 3.0]])\npivots = torch.tensor([1, 2], dtype=torch.int32)\nB = tensor([[2.0], [3.0]])\nleft = True\n"
        "adjoint = False\nresult = torch.linalg.lu_solve(LU, pivots, B, left=left, adjoint=adjoint)",
        aliases=("linalg_lu_solve",),
    ),
)

FORMULAS = (*EIGEN, *TRIANGULAR, *SOLUTIONS)
"""Each with its formula for complex matrices too, where the transpose is conjugated."""

"""The catalogue: derivatives in plain words, with torch expressions that a test compares with autograd on real samples.

One module for each family of ops, each with a tuple `FORMULAS`. To add an op, write its entry into its family; where no
family fits, add a module and name it here. An expression may use `torch`, `F` (torch.nn.functional), `math`, the op's arguments by
torch's names, `result` (or torch's names of several results), `grad` (or `grads`, one for each result) and the entry's own `where`.
Each node type is run by a test; one that cannot be has its reason in `unverified`.
"""

from gradtrace.formulas.catalogue import (
    activations,
    arithmetic,
    arrangement,
    assigning,
    attention,
    choices,
    compositions,
    constants,
    convolution,
    convolution_variants,
    decompositions,
    elementwise,
    embeddings,
    indexing,
    kernels,
    layer_variants,
    losses,
    matrices,
    norms,
    pairs,
    quantised,
    reductions,
    scattering,
    second_elementwise,
    second_layers,
    second_linear,
    shape,
    sparse,
    special,
    statistics,
    trigonometry,
    variants,
    writing,
)
from gradtrace.formulas.formula import Formula

FAMILIES: tuple[tuple[str, tuple[Formula, ...]], ...] = (
    ("Arithmetic", arithmetic.FORMULAS),
    ("Choosing and limiting", choices.FORMULAS),
    ("Functions of two numbers", pairs.FORMULAS),
    ("Functions of one number", elementwise.FORMULAS),
    ("Trigonometry", trigonometry.FORMULAS),
    ("Special functions", special.FORMULAS),
    ("Activations and softmax", activations.FORMULAS),
    ("Reductions", reductions.FORMULAS),
    ("Variance, norms and distances", statistics.FORMULAS),
    ("Views", shape.FORMULAS),
    ("Reordering, padding, copying, joining, splitting", arrangement.FORMULAS),
    ("Reading by index", indexing.FORMULAS),
    ("Writing by index", assigning.FORMULAS),
    ("Combining by index, and indexing without checks", scattering.FORMULAS),
    ("Matrices", matrices.FORMULAS),
    ("Decompositions and solutions", decompositions.FORMULAS),
    ("Convolution, pooling and resampling", convolution.FORMULAS),
    ("Normalisation", norms.FORMULAS),
    ("Convolution by other kernels", convolution_variants.FORMULAS),
    ("Further layers", layer_variants.FORMULAS),
    ("Attention", attention.FORMULAS),
    ("Losses", losses.FORMULAS),
    ("Embeddings", embeddings.FORMULAS),
    ("Functions made of other ops", compositions.FORMULAS),
    ("Leaves, writing in place, random numbers, Fourier transforms", writing.FORMULAS),
    ("Draws, comparisons and filling in place", constants.FORMULAS),
    ("Further forms of ops", variants.FORMULAS),
    ("Fake quantisation", quantised.FORMULAS),
    ("Sparse tensors", sparse.FORMULAS),
    ("Second derivatives of activations and losses", second_elementwise.FORMULAS),
    ("Second derivatives of linear ops", second_linear.FORMULAS),
    ("Second derivatives of layers", second_layers.FORMULAS),
    ("Kernels without an expression", kernels.FORMULAS),
)
"""Heading and entries, in the order of the page of formulas."""

CATALOGUE: tuple[Formula, ...] = tuple(formula for _, formulas in FAMILIES for formula in formulas)

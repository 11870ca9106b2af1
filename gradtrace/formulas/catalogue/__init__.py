"""The catalogue: derivatives in plain words, with torch expressions that a test compares with autograd on real samples.

One module for each family of ops, each with a tuple `FORMULAS`. To add an op, write its entry into its family; where no
family fits, add a module and name it here. An expression may use `torch`, `F` (torch.nn.functional), `math`, the op's arguments by
torch's names, `result` (or torch's names of several results), `grad` (or `grads`, one for each result) and the entry's own `where`.
"""

from gradtrace.formulas.catalogue import (
    activations,
    arithmetic,
    arrangement,
    assigning,
    attention,
    choices,
    compositions,
    convolution,
    elementwise,
    embeddings,
    indexing,
    losses,
    matrices,
    norms,
    pairs,
    reductions,
    shape,
    statistics,
    trigonometry,
    writing,
)
from gradtrace.formulas.formula import Formula

FAMILIES: tuple[tuple[str, tuple[Formula, ...]], ...] = (
    ("Arithmetic", arithmetic.FORMULAS),
    ("Choosing and limiting", choices.FORMULAS),
    ("Functions of two numbers", pairs.FORMULAS),
    ("Functions of one number", elementwise.FORMULAS),
    ("Trigonometry", trigonometry.FORMULAS),
    ("Activations and softmax", activations.FORMULAS),
    ("Reductions", reductions.FORMULAS),
    ("Variance, norms and distances", statistics.FORMULAS),
    ("Views", shape.FORMULAS),
    ("Reordering, padding, copying, joining, splitting", arrangement.FORMULAS),
    ("Reading from places", indexing.FORMULAS),
    ("Writing to places", assigning.FORMULAS),
    ("Matrices", matrices.FORMULAS),
    ("Convolution, pooling and resampling", convolution.FORMULAS),
    ("Normalisation", norms.FORMULAS),
    ("Attention", attention.FORMULAS),
    ("Losses", losses.FORMULAS),
    ("Embeddings", embeddings.FORMULAS),
    ("Functions made of other ops", compositions.FORMULAS),
    ("Leaves, writing in place, random numbers, Fourier transforms", writing.FORMULAS),
)
"""Heading and entries, in the order of the page of formulas."""

CATALOGUE: tuple[Formula, ...] = tuple(formula for _, formulas in FAMILIES for formula in formulas)

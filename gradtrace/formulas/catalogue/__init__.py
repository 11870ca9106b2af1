"""The catalogue: derivatives in plain words, with torch expressions that a test compares with autograd on real samples.

One module for each family of ops, each with a tuple `FORMULAS`. To add an op, write its entry into its family; where no
family fits, add a module and name it here. An expression may use `torch`, `F` (torch.nn.functional), `math`, the op's arguments by
torch's names, `result` (or torch's names of several results), `grad` (or `grads`, one for each result) and the entry's own `where`.
"""

from gradtrace.formulas.catalogue import (
    activations,
    arithmetic,
    elementwise,
    indexing,
    matrices,
    reductions,
    shape,
)
from gradtrace.formulas.formula import Formula

FAMILIES: tuple[tuple[str, tuple[Formula, ...]], ...] = (
    ("Elementwise functions", elementwise.FORMULAS),
    ("Activations", activations.FORMULAS),
    ("Arithmetic of several tensors", arithmetic.FORMULAS),
    ("Reductions", reductions.FORMULAS),
    ("Views, copies, joining and splitting", shape.FORMULAS),
    ("Indexing", indexing.FORMULAS),
    ("Matrices", matrices.FORMULAS),
)
"""Heading and entries, in the order of the page of formulas."""

CATALOGUE: tuple[Formula, ...] = tuple(formula for _, formulas in FAMILIES for formula in formulas)

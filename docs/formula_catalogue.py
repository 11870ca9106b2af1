"""The entries of `docs/formulas.md`, made from the catalogue of formulas."""

from __future__ import annotations

from generated_part import remade

from gradtrace.formulas.catalogue import FAMILIES
from gradtrace.formulas.catalogue.unverified import UNVERIFIED
from gradtrace.formulas.formula import Formula
from gradtrace.formulas.optimizers import RULES
from gradtrace.formulas.optimizers.update_rule import UpdateRule

BEGIN = "<!-- generated from gradtrace/formulas/catalogue by docs/build.py -->\n"
END = "<!-- end of the generated formulas -->\n"


def refresh(page: str) -> str:
    """Return the page with what stands between the two marks made anew; pages without marks stay as they are."""
    return remade(page, BEGIN, END, _families)


def _families() -> str:
    parts = [
        f"\n## {heading}\n\n" + "\n".join(_entry(formula) for formula in formulas) for heading, formulas in FAMILIES
    ]
    return "".join([*parts, "\n## Optimizers\n\n", "\n".join(map(_optimizer, RULES)), "\n"])


def _optimizer(rule: UpdateRule) -> str:
    lines = [f"**`{rule.name}`** (`torch.optim.{rule.name}`). {_text(rule.forward)} {_text(rule.words)}", ""]
    for line in rule.lines:
        when = f" (if {_text(line.when)})" if line.when else ""
        lines.append(f"- `{line.name}`: {_text(line.maths)}{when}")
    return "\n".join([*lines, ""])


def _entry(formula: Formula) -> str:
    made_of = f"made of {', '.join(f'`{op}`' for op in formula.made_of)}" if formula.made_of else ""
    types = ", ".join(f"`{node_type}`" for node_type in formula.node_types) or made_of
    lines = [f"**`{formula.op}`** ({types}). {_text(formula.forward)} {_text(formula.backward)}", ""]
    lines += [
        f"- to `{gradient.input}`: {_text(gradient.maths)}, in torch `{gradient.code}`"
        for gradient in formula.gradients
    ]
    reasons = {UNVERIFIED[each]: None for each in formula.node_types if each in UNVERIFIED}
    if reasons and not formula.example:
        lines.append(f"- not held to torch by a test: {'; '.join(reasons)}")
    if formula.where:
        lines.append(f"- where {', '.join(f'`{name}` is `{code}`' for name, code in formula.where)}")
    return "\n".join([*lines, ""])


def _text(text: str) -> str:
    """Words and maths hold `*`, `_`, `<`, `|` and brackets that Markdown would take for its own."""
    return "".join(f"\\{char}" if char in "\\`*_<>|[]" else char for char in text)

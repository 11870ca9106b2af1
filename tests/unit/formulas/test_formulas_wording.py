"""The texts of the catalogue and of the optimizers are plain English."""

import re
from collections.abc import Iterator

import pytest

from gradtrace.formulas.catalogue import CATALOGUE, FAMILIES
from gradtrace.formulas.catalogue.unverified import UNVERIFIED
from gradtrace.formulas.lookup import lookup
from gradtrace.formulas.optimizers import RULES
from gradtrace.renderers.reference import formula_page, optimizer_page
from gradtrace.renderers.reference.pages import Options

FORBIDDEN = (
    r"::|->",  # C++
    r"\.conj\(|conjugate\(|handle_r_to_c|_symint|sym_size|TensorOptions|grad_input_mask|not_implemented|\bkernel_",
    r"\baten\b|\bdispatch|derivatives\.yaml|\bIntArrayRef\b",  # torch's own rooms
    r"\bzeros_like\b",
    r"\bvjps?\b|\bVJPs?\b|\bJacobian|\bcotangent|\bpullback|\badjoint\b",  # words that an introduction does not have
    r"\bledger\b|\bat a time\b|\bin force\b",
    r"\btells?\b|\btold\b|\btales?\b|\bbears?\b|\bwish(es)?\b|\bheard\b",
    r"(?<!in )(?<!in-)(?<!in the )\bplaces?\b",
    r"\breceives?\b|\bobtains?\b|\byields?\b",  # an input gets
    r"\bnon-?leaf\b|\bno leaf\b",  # it is not a leaf
    r"\bTODO\b|\bFIXME\b",
)


def texts() -> Iterator[tuple[str, str]]:
    """Every sentence and formula, with the entry that it is from."""
    for heading, _ in FAMILIES:
        yield heading, heading
    for formula in CATALOGUE:
        for text in (formula.forward, formula.backward, *(gradient.maths for gradient in formula.gradients)):
            yield formula.op, text
    for rule in RULES:
        words = (*rule.state, *rule.settings)
        for text in (rule.forward, rule.words, *(line.maths for line in (*rule.lines, *rule.terms))):
            yield rule.name, text
        yield from ((rule.name, each.words) for each in words)
    yield from ((node_type, reason) for node_type, reason in UNVERIFIED.items())


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_no_text_uses_words_of_our_own_or_of_torchs_inside(pattern: str):
    """Words, maths and headings are read by somebody with an introduction to PyTorch beside him."""
    assert {(op, text) for op, text in texts() if re.search(pattern, text)} == set()


def test_sentences_begin_with_a_capital_and_end():
    """Words are sentences; maths is none."""
    for formula in CATALOGUE:
        for words in (formula.forward, formula.backward):
            assert words.endswith((".", ")."))
            assert words[0].isupper() or words.split()[0].strip(",.;:") in known_names(formula.op), words
        for gradient in formula.gradients:
            assert not gradient.maths.endswith(".")
            assert not re.match("(minus )?the same", gradient.maths)  # it is shown by itself, beside an edge
    for rule in RULES:
        assert all(text[0].isupper() and text.endswith(".") for text in (rule.forward, rule.words))


def known_names(op: str) -> set[str]:
    """Sentences may begin with the name of an argument or of a result, written as in code."""
    inputs = {gradient.input.strip("*") for formula in CATALOGUE for gradient in formula.gradients}
    return {op, "torch", "x", "y", "b", "other", "self", "value", *inputs}


@pytest.mark.parametrize(
    "node_type", ["MulBackward0", "LinalgSvdBackward0", "ConvolutionBackward0", "TanhBackwardBackward0"]
)
def test_pages_show_no_code_unless_asked_for(node_type: str):
    """Runnable torch, torch's C++ and its signatures come with -v."""
    from gradtrace.formulas.derivatives import derivative

    entry = formula_page.Entry(lookup(node_type), derivative(node_type))
    page, verbose = (formula_page.render([entry], Options(verbose=asked)) for asked in (False, True))

    assert not re.search(r"\.conj\(|\.mH|torch\.|C\+\+|Tensor self", page)
    assert "C++" in verbose
    assert lookup(node_type).gradients[0].code.split("(")[0] in verbose


def test_pages_of_optimizers_show_no_code_unless_asked_for():
    """As those of ops do."""
    for rule in RULES:
        page = optimizer_page.render(rule, None, Options())
        assert not re.search(r"torch\.(?!optim)|beta1\*\*| if .* else ", page), rule.name

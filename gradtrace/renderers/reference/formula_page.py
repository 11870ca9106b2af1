"""The page of an op's gradient: words, maths, runnable torch, and an example with its numbers."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gradtrace.formulas.derivatives import Derivative
from gradtrace.formulas.formula import Formula
from gradtrace.formulas.worked_example import Shown, WorkedExample
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.markdown import Markdown
from gradtrace.text.terminal import Terminal
from gradtrace.text.wording import elements, listing

_WIDTH = 80
_NARROWEST = 40
_ENDLESS = 10_000

_ASCII = str.maketrans(
    {
        "½": "1/2", "¼": "1/4", "⊗": " outer ", "⋆": " conv ", "≥": ">=", "≤": "<=", "Φ": "Phi", "φ": "phi", "π": "pi",
        "ψ": "psi", "⁻": "^-", "ˣ": "^x", "ʸ": "^y", "¹": "1", "²": "^2", "³": "^3", "ᵖ": "^p", "₁": "1", "₂": "2",
        "ᵀ": "^T", "ₖ": "_k", "ᵢ": "_i", "Π": "prod ", "\u0302": "hat", "±": "+-", "∂": "d", "→": "->", "←": "<-",
    }
)  # fmt: skip
"""What the catalogue uses beyond the signs that every explanation uses."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a page is written."""

    width: int | None = None
    color: bool = False
    ascii_only: bool = False
    markdown: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A formula with what goes with it: torch's own entry, and its example with numbers, where they are known."""

    formula: Formula
    derivative: Derivative | None = None
    example: WorkedExample | None = None


def render(entries: Sequence[Entry], options: Options) -> str:
    """The page of one op, which may have several node types, each with an entry."""
    width = _ENDLESS if options.markdown else max(options.width or _WIDTH, _NARROWEST)
    blocks = tuple(block for entry in entries for block in _blocks(entry, width))
    if options.markdown:
        return Markdown().write(blocks)
    text = Terminal(width, options.color, ascii_only=False).write(blocks)
    if not options.ascii_only:
        return text
    return Terminal(width, options.color, ascii_only=True).write(tuple(map(_in_ascii, blocks)))


def render_list(formulas: Sequence[Formula], options: Options) -> str:
    """One line an entry: the op and what it does; the node types too where the line has no end, in a pipe."""
    shows_types = options.width is None
    rows: list[tuple[Cell, ...]] = []
    for formula in formulas:
        row = (Cell(formula.op, "name"), Cell(formula.forward), Cell(_types(formula), "muted"))
        rows.append(row if shows_types else row[:2])
    table = Table(("op", "what it does", "node types") if shows_types else ("op", "what it does"), tuple(rows))
    width = options.width or max(len(" ".join(cell.text for cell in row)) for row in rows) + _WIDTH
    return Terminal(width, options.color, options.ascii_only).write(
        (_in_ascii(table) if options.ascii_only else table,)
    )


def _types(formula: Formula) -> str:
    if not formula.node_types:
        return f"({', '.join(formula.made_of)})"
    return " ".join(formula.node_types)


def _blocks(entry: Entry, width: int) -> Iterator[Block]:
    formula = entry.formula
    yield Heading("  ".join([formula.op, *formula.node_types[:1]]))
    yield Paragraph(formula.forward)
    yield Paragraph(formula.backward)
    if formula.source == "catalogue" and formula.gradients:
        yield from _gradients(formula, width)
    if entry.example is not None:
        yield from _example(formula, entry.example)
    if len(formula.node_types) > 1:
        yield Paragraph(f"The same holds for {listing(formula.node_types[1:], len(formula.node_types))}.", "note")
    if formula.made_of:
        yield Paragraph(f"torch makes it of {listing(formula.made_of)}: their nodes are what the graph shows.", "note")
    if formula.twins:
        yield Paragraph(f"{listing(formula.twins)} compute the same on other devices or in other settings.", "note")
    if entry.derivative is not None:
        yield _torch(entry.derivative, width)


def _gradients(formula: Formula, width: int) -> Iterator[Block]:
    room = width - 4 - max(len(name) for name in (*(g.input for g in formula.gradients), *dict(formula.where), "input"))
    rows: list[tuple[Cell, ...]] = []
    for gradient in formula.gradients:
        rows += _lines(gradient.input, gradient.maths, "gradient", room)
        rows += _lines("", gradient.code or "", "", room)
    yield Table(("input", "gets"), tuple(rows))
    if formula.where:
        yield Table(
            ("where", "is"), tuple(line for name, code in formula.where for line in _lines(name, code, "", room))
        )


def _lines(name: str, text: str, style: str, room: int) -> list[tuple[Cell, ...]]:
    """A row, and rows without a name for what does not fit on its line."""
    lines = textwrap.wrap(text, max(room, 12), break_on_hyphens=False, subsequent_indent="  ") or [""]
    return [(Cell(name if not i else "", "name"), Cell(line, style)) for i, line in enumerate(lines)]


def _example(formula: Formula, example: WorkedExample) -> Iterator[Block]:
    call = formula.example.rpartition("\n")[2]
    rows = [
        *(_shown(shown, shown.name) for shown in (*example.arguments, *example.results, *example.grads)),
        *(_shown(shown, f"→ {shown.name}", "gradient") for shown in example.gradients),
    ]
    yield Paragraph(f"For example, run just now: {call}")
    yield Table(("example", "", "value"), tuple(rows))
    differing = [shown.name for shown in example.gradients if shown.agrees is False]
    if differing:
        yield Paragraph(
            f"autograd gives something else for {listing(differing)}: please report this.", "warning", "alarm"
        )
    elif example.gradients:
        yield Paragraph("Autograd, asked on the same tensors, gives the same.")


def _shown(shown: Shown, name: str, style: str = "") -> tuple[Cell, ...]:
    value = elements(shown.value) if shown.spec else str(shown.value)
    return (Cell(name, "name"), Cell(shown.spec, "muted"), Cell(value, style))


def _torch(derivative: Derivative, width: int) -> Table:
    names: dict[str, list[str]] = {}  # one kernel often computes what several inputs get
    for name, formula in zip(derivative.inputs, derivative.formulas, strict=True):
        names.setdefault(formula, []).append(name)
    titles = {formula: ", ".join(inputs) for formula, inputs in names.items()}
    room = width - 4 - max(len("signature"), *map(len, titles.values()))
    rows = _lines("signature", derivative.signature, "", room)
    for formula, title in titles.items():
        rows += _lines(title, formula, "", room)
    return Table(("torch", "in its own C++"), tuple(rows))


def _in_ascii(block: Block) -> Block:
    if isinstance(block, Table):
        rows = tuple(tuple(Cell(cell.text.translate(_ASCII), cell.style) for cell in row) for row in block.rows)
        return replace(block, rows=rows)
    if isinstance(block, Paragraph):
        return replace(block, text=block.text.translate(_ASCII))
    return block

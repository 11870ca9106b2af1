"""The page of an op's gradient: words, maths, runnable torch, and an example with its numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gradtrace.formulas.catalogue.unverified import UNVERIFIED
from gradtrace.formulas.derivatives import Derivative
from gradtrace.formulas.formula import Formula
from gradtrace.formulas.worked_example import Shown, WorkedExample
from gradtrace.renderers.reference.pages import WIDTH, Options, in_ascii, wrapped_rows, written
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.terminal import Terminal
from gradtrace.text.wording import elements, listing


@dataclass(frozen=True, slots=True)
class Entry:
    """A formula with what goes with it: torch's own entry, and its example with numbers, where they are known."""

    formula: Formula
    derivative: Derivative | None = None
    example: WorkedExample | None = None


def render(entries: Sequence[Entry], options: Options) -> str:
    """The page of one op, which may have several node types, each with an entry."""
    return written(lambda width: (block for entry in entries for block in _blocks(entry, options, width)), options)


def render_list(formulas: Sequence[Formula], options: Options) -> str:
    """One line an entry: the op and what it does; the node types too where the line has no end, in a pipe."""
    shows_types = options.width is None
    rows: list[tuple[Cell, ...]] = []
    for formula in formulas:
        row = (Cell(formula.op, "name"), Cell(formula.forward), Cell(_types(formula), "muted"))
        rows.append(row if shows_types else row[:2])
    table = Table(
        ("op", "what it does", "node types") if shows_types else ("op", "what it does"), tuple(rows), is_list=True
    )
    width = options.width or max(len(" ".join(cell.text for cell in row)) for row in rows) + WIDTH
    return Terminal(width, options.color, options.ascii_only).write((in_ascii(table) if options.ascii_only else table,))


def _types(formula: Formula) -> str:
    if not formula.node_types:
        return f"({', '.join(formula.made_of)})"
    return " ".join(formula.node_types)


def _blocks(entry: Entry, options: Options, width: int) -> Iterator[Block]:
    formula = entry.formula
    yield Heading("  ".join([formula.op, *formula.node_types[:1]]))
    yield Paragraph(formula.forward)
    yield Paragraph(formula.backward)
    if formula.source == "catalogue" and formula.gradients:
        yield from _gradients(formula, width, shows_code=options.verbose)
    if entry.example is not None:
        yield from _example(formula, entry.example)
    reasons = {UNVERIFIED[each]: None for each in formula.node_types if each in UNVERIFIED}
    if reasons and not formula.example:
        yield Paragraph(f"There is no example: {listing(list(reasons))}.")
    if len(formula.node_types) > 1:
        yield Paragraph(f"The same holds for {listing(formula.node_types[1:], len(formula.node_types))}.", "note")
    if formula.made_of:
        yield Paragraph(f"torch makes it of {listing(formula.made_of)}: their nodes are what the graph shows.", "note")
    if formula.twins and options.verbose:
        yield Paragraph(f"{listing(formula.twins)} compute the same on other devices or in other settings.", "note")
        for reason, types in _reasons(formula.twins).items():
            yield Paragraph(f"Not held to torch by a test: {listing(types)} ({reason}).", "note")
    if entry.derivative is not None and options.verbose:
        yield _torch(entry.derivative, width)


def _reasons(node_types: Sequence[str]) -> dict[str, list[str]]:
    """Those that could not be run, by the reason why."""
    found: dict[str, list[str]] = {}
    for node_type in node_types:
        if node_type in UNVERIFIED:
            found.setdefault(UNVERIFIED[node_type], []).append(node_type)
    return found


def _gradients(formula: Formula, width: int, *, shows_code: bool) -> Iterator[Block]:
    room = width - 4 - max(len(name) for name in (*(g.input for g in formula.gradients), *dict(formula.where), "input"))
    rows: list[tuple[Cell, ...]] = []
    for gradient in formula.gradients:
        rows += wrapped_rows(gradient.input, gradient.maths, "gradient", room)
        if shows_code:
            rows += wrapped_rows("", gradient.code or "", "", room)
    yield Table(("input", "gets"), tuple(rows))
    if formula.where and shows_code:
        yield Table(
            ("where", "is"), tuple(line for name, code in formula.where for line in wrapped_rows(name, code, "", room))
        )


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
    rows = wrapped_rows("signature", derivative.signature, "", room)
    for formula, title in titles.items():
        rows += wrapped_rows(title, formula, "", room)
    return Table(("torch", "in its own C++"), tuple(rows))

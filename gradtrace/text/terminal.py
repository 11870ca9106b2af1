"""Writes the blocks of an explanation for a terminal or a pipe: columns aligned, nothing wider than the line."""

import re
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

from gradtrace.text.blocks import Block, Cell, Facts, Heading, Paragraph, Table
from gradtrace.text.escape import visible

_INDENT = "  "
_GAP = 2
_LEAST_WIDTH = 8
"""No column is cut shorter than this, on lines of a comfortable width."""

_COMFORTABLE = 60

_NARROW = 20
"""Lines of running text are never made shorter than this, however deep they stand."""

_MOST_LINES = 4
"""No cell is longer than so many lines."""

_CODES = {"title": "1", "name": "36", "gradient": "33", "muted": "2", "alarm": "1;31", "label": "1;35"}

_ASCII = str.maketrans(
    {
        "·": "*", "×": "x", "÷": "/", "−": "-", "→": "->", "∂": "d", "…": "...", "√": "sqrt ", "σ": "sigmoid",
        "²": "^2", "³": "^3", "ᵀ": ".T", "≤": "<=", "├": "|", "└": "`", "─": "-", "│": "|", "Σ": "sum ", "∞": "inf",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Terminal:
    """How to write: `width` in columns, with colours or without, with characters beyond ASCII or without."""

    width: int
    color: bool
    ascii_only: bool

    def write(self, blocks: tuple[Block, ...]) -> str:
        """The text, ending in a line break."""
        lines: list[str] = []
        for before, block in zip((None, *blocks), blocks, strict=False):
            if lines and not _belongs_to(before, block):
                lines.append("")
            lines += self._lines(block)
        return "".join(f"{line.rstrip()}\n" for line in lines)

    def _lines(self, block: Block) -> list[str]:
        if isinstance(block, Heading):
            return [self._painted(self._fitted(self._plain(block.text), self.width), "title")]
        if isinstance(block, Paragraph):
            return self._paragraph(block)
        if isinstance(block, Facts):
            return self._facts(block)
        return self._table(block)

    def _plain(self, text: str) -> str:
        text = shown(text)
        return text.translate(_ASCII).encode("ascii", "backslashreplace").decode() if self.ascii_only else text

    def _painted(self, text: str, style: str) -> str:
        return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if self.color and style and text else text

    def _fitted(self, text: str, width: int) -> str:
        if cell_len(text) <= width:
            return text
        dots = "..." if self.ascii_only else "…"
        return chop_cells(text, max(1, width - len(dots)))[0] + dots

    def _paragraph(self, block: Paragraph) -> list[str]:
        label = f"{self._fitted(self._plain(block.label), self.width // 3)}: " if block.label else ""
        room = self.width - len(_INDENT) - len(label)
        first, *rest = _wrapped(self._plain(block.text), max(room, _NARROW))
        lines = [f"{_INDENT}{self._painted(label, 'alarm' if block.style == 'alarm' else 'label')}{first}"]
        return lines + [f"{_INDENT}{' ' * len(label)}{line}" for line in rest]

    def _facts(self, block: Facts) -> list[str]:
        """Titles on the left and the sentences beside them."""
        titles = [self._fitted(self._plain(fact.title), self.width // 3) for fact in block.facts]
        edge = max(map(cell_len, titles), default=0)
        room = max(self.width - len(_INDENT) - edge - _GAP, _NARROW)
        lines = []
        for fact, title in zip(block.facts, titles, strict=True):
            for number, line in enumerate(_wrapped(self._plain(fact.text), room)):
                head = title if number == 0 else ""
                padding = " " * (edge - cell_len(head) + _GAP)
                lines.append(f"{_INDENT}{self._painted(head, 'muted')}{padding}{self._painted(line, fact.style)}")
        return lines

    def _table(self, table: Table) -> list[str]:
        header = tuple(Cell(title, "muted") for title in table.header)
        rows = [
            tuple(Cell(self._plain(cell.text)[: self.width * _MOST_LINES], cell.style, cell.guide) for cell in row)
            for row in (header, *table.rows)
            if row
        ]
        columns = [
            i for i in range(max(map(len, rows), default=0)) if any(i < len(row) and row[i].text for row in rows)
        ]
        # A cell that stands alone in its row may run over all columns.
        widths = {
            i: max((cell_len(row[i].text) for row in rows if i < len(row) and len(row) > 1), default=0) for i in columns
        }
        if max(map(len, rows), default=0) == 1:
            widths = {0: max(cell_len(row[0].text) for row in rows)}
        below = None
        # What can go below its row goes there before more than the least important column is left out.
        steps: list[int | None] = [*table.optional[:1], None, *table.optional[1:]]
        for column in steps:
            if self._total(widths) <= self.width:
                break
            if column is None and table.below in widths:
                below = table.below
            leaving = table.below if column is None else column
            if leaving is not None:
                widths.pop(leaving, None)
        least = _LEAST_WIDTH if self.width >= _COMFORTABLE else _LEAST_WIDTH // 2
        while self._total(widths) > self.width and max(widths.values()) > least:
            widths[max(widths, key=lambda column: widths[column])] -= 1
        lines = []
        for row in rows:
            lines.append(self._row(row, widths))
            if below is not None and below < len(row) and row[below].text:
                lines += self._below(row[below])
        return lines

    def _below(self, cell: Cell) -> list[str]:
        """A cell on lines of its own."""
        guide = self._plain(cell.guide)[: max(self.width - len(_INDENT) - _GAP - _NARROW, 0)]
        text = _wrapped(cell.text, max(self.width - len(_INDENT) - cell_len(guide) - _GAP, _NARROW))
        return [
            f"{_INDENT}{guide}{'' if number == 0 else ' ' * _GAP}{self._painted(line, cell.style)}"
            for number, line in enumerate(text)
        ]

    def _total(self, widths: dict[int, int]) -> int:
        return len(_INDENT) + sum(widths.values()) + _GAP * (len(widths) - 1)

    def _row(self, row: tuple[Cell, ...], widths: dict[int, int]) -> str:
        if len(row) == 1:
            return f"{_INDENT}{self._painted(self._fitted(row[0].text, self.width - len(_INDENT)), row[0].style)}"
        parts = []
        for column, width in widths.items():
            cell = row[column] if column < len(row) else Cell("")
            text = self._fitted(cell.text, width)
            parts.append(self._painted(text, cell.style) + " " * (width - cell_len(text)))
        return (_INDENT + (" " * _GAP).join(parts)).rstrip()


def natural_width(table: Table) -> int:
    """How many columns a table takes when nothing of it is cut."""
    rows = [table.header, *(tuple(cell.text for cell in row) for row in table.rows)]
    rows = [row for row in rows if len(row) > 1] or rows
    widths = [
        max(cell_len(shown(row[i])) for row in rows if i < len(row)) for i in range(max(map(len, rows), default=0))
    ]
    return len(_INDENT) + sum(widths) + _GAP * (sum(width > 0 for width in widths) - 1)


def shown(text: str) -> str:
    """One line of printable characters, in which a word that no person would read to its end is cut."""
    return _ENDLESS.sub(lambda match: f"{match[0][:_LONGEST_WORD]}…", visible(text))


_LONGEST_WORD = 200
_ENDLESS = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")


def _belongs_to(before: Block | None, block: Block) -> bool:
    """No empty line stands after a heading, nor between paragraphs of one kind."""
    if isinstance(before, Heading):
        return True
    if isinstance(before, Paragraph) and isinstance(block, Facts):
        return before.text.endswith(":")
    if not isinstance(before, Paragraph) or not isinstance(block, Paragraph):
        return False
    return before.label == block.label or before.style == block.style in {"word", "sum"}


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces, or anywhere in a word that is longer."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, width)
    return lines or [""]

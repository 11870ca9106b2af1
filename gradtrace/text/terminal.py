"""Writes the blocks of an explanation for a terminal or a pipe: columns aligned, nothing wider than the line."""

import re
from dataclasses import dataclass, replace

from rich.cells import cell_len, chop_cells

from gradtrace.text.blocks import Block, Cell, Facts, Heading, Paragraph, Table
from gradtrace.text.escape import visible

_INDENT = "  "
_GAP = 2
_LEAST_WIDTH = 8
"""No column of a list is cut shorter than this."""

_NARROW = 20
"""Lines of running text are never made shorter than this, however deep they stand."""

_BETWEEN = 3
"""Spaces between two cells on a line below their row."""

_MOST_LINES = 4
"""No cell is longer than so many lines."""

_CODES = {"title": "1", "name": "36", "gradient": "33", "muted": "2", "alarm": "1;31", "label": "1;35"}

_CODE = re.compile("\x1b\\[[0-9;]*m")

_ASCII = str.maketrans(
    {
        "·": "*", "×": "x", "÷": "/", "−": "-", "→": "->", "∂": "d", "…": "...", "√": "sqrt ", "σ": "sigmoid",
        "ᵀ": ".T", "≤": "<=", "├": "|", "└": "`", "─": "-", "│": "|", "Σ": "sum ", "∞": "inf", "β": "beta",
        "π": "pi", "λ": "lambda", "Φ": "Phi", "φ": "phi", "ψ": "psi", "Π": "prod ", "⊗": "(x)", "⋆": "*", "≥": ">=",
        "≠": "!=", "±": "+-", "½": "1/2", "¼": "1/4", "\u0302": "_hat", "₁": "1", "₂": "2", "₃": "3", "ᵢ": "_i",
        "ⱼ": "_j", "ₖ": "_k",
    }
)  # fmt: skip
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ˣʸᵖ"
_AFTER_CARET = str.maketrans(_RAISED, "0123456789-+xyp")
_EXPONENT = re.compile(f"[{_RAISED}]+")


def _in_ascii(text: str) -> str:
    """Text that says the same without characters beyond ASCII: `w^-1` for `w⁻¹`."""
    text = _EXPONENT.sub(lambda match: f"^{match[0].translate(_AFTER_CARET)}", text)
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()


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
        return _in_ascii(text) if self.ascii_only else text

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
        """Titles on the left and the sentences beside them; below a title that is too long for that."""
        titles = [self._plain(fact.title) for fact in block.facts]
        most = self.width // 3
        edge = max((size for size in map(cell_len, titles) if size <= most), default=_BETWEEN)
        room = max(self.width - len(_INDENT) - edge - _GAP, _NARROW)
        lines = []
        for fact, title in zip(block.facts, titles, strict=True):
            head = title
            if cell_len(title) > edge:
                lines.append(f"{_INDENT}{self._painted(self._fitted(title, self.width - len(_INDENT)), 'muted')}")
                head = ""
            for line in _wrapped(self._plain(fact.text), room):
                padding = " " * (edge - cell_len(head) + _GAP)
                lines.append(f"{_INDENT}{self._painted(head, 'muted')}{padding}{self._painted(line, fact.style)}")
                head = ""
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
        moved = self._moved(table, widths) if not table.is_list else []
        if table.is_list:
            rows = self._cut(table, rows, widths)
        lines: list[str] = []
        for number, row in enumerate(rows):
            is_header = number == 0 and bool(table.header)
            lines += self._row(row, widths)
            if is_header:
                continue
            is_alone = len(row) > 1 and cell_len(row[0].text) > widths.get(0, self.width)
            below = [column for column in columns if column > 0] if is_alone else moved
            more = self._below(row, below, table.header)
            used = cell_len(_CODE.sub("", lines[-1]))
            if len(more) == 1 and not table.is_drawing and not is_alone:
                rest = more[0].lstrip()
                if used + _BETWEEN + cell_len(_CODE.sub("", rest)) <= self.width:
                    lines[-1] += f"{' ' * _BETWEEN}{rest}"
                    continue
            lines += more
        return lines

    def _cut(self, table: Table, rows: list[tuple[Cell, ...]], widths: dict[int, int]) -> list[tuple[Cell, ...]]:
        """The rows of a list without what its lines have no room for; of `widths` is left what they have."""
        for column in table.optional:
            if self._total(widths) > self.width:
                widths.pop(column, None)
        while self._total(widths) > self.width and max(widths.values()) > _LEAST_WIDTH:
            widths[max(widths, key=lambda column: widths[column])] -= 1
        return [
            tuple(replace(cell, text=self._fitted(cell.text, widths.get(i, self.width))) for i, cell in enumerate(row))
            for row in rows
        ]

    def _moved(self, table: Table, widths: dict[int, int]) -> list[int]:
        """Takes the columns out of `widths` whose cells go below their rows; where there is one it is left."""
        order = [table.below, *table.optional]
        first = min(widths)
        if table.below is None:
            order += sorted(widths, reverse=True)
        moved: list[int] = []
        for column in order:
            if self._total(widths) <= self.width:
                break
            if column is not None and column in widths and column != first:
                moved.append(column)
                del widths[column]
        left = self.width - (self._total(widths) - widths[first])
        if left < min(widths[first], _NARROW):
            moved += [column for column in widths if column != first]
            widths_of_first = widths[first]
            widths.clear()
            widths[first] = widths_of_first
            left = self.width - len(_INDENT)
        widths[first] = min(widths[first], left)
        return sorted(moved)

    def _below(self, row: tuple[Cell, ...], moved: list[int], titles: tuple[str, ...]) -> list[str]:
        """The cells that do not fit beside the others, on lines of their own."""
        cells = [(column, row[column]) for column in moved if column < len(row) and row[column].text]
        guide = next((cell.guide for cell in row if cell.guide), "") or " " * (2 * _GAP)
        guide = self._plain(guide)[: max(self.width - len(_INDENT) - _GAP - _NARROW, 0)]
        room = max(self.width - len(_INDENT) - cell_len(guide) - _GAP, _NARROW)
        lines: list[str] = []
        left = 0
        for column, cell in cells:
            title = titles[column] if column < len(titles) else ""
            for number, line in enumerate(_wrapped(f"{title} {cell.text}".strip(), room)):
                is_beside = number == 0 and lines and cell_len(line) + _BETWEEN <= left
                if is_beside:
                    lines[-1] += f"{' ' * _BETWEEN}{self._painted(line, cell.style)}"
                    left -= cell_len(line) + _BETWEEN
                else:
                    hanging = "" if number == 0 else " " * _GAP
                    lines.append(f"{_INDENT}{guide}{hanging}{self._painted(line, cell.style)}")
                    left = room - cell_len(line)
        return lines

    def _total(self, widths: dict[int, int]) -> int:
        return len(_INDENT) + sum(widths.values()) + _GAP * (len(widths) - 1)

    def _row(self, row: tuple[Cell, ...], widths: dict[int, int]) -> list[str]:
        """The cells that stand beside each other; a first one that is longer than its column stands alone."""
        if len(row) == 1:
            return [f"{_INDENT}{self._painted(self._fitted(row[0].text, self.width - len(_INDENT)), row[0].style)}"]
        first = min(widths)
        cell = row[first] if first < len(row) else Cell("")
        if cell_len(cell.text) > widths[first]:
            return self._long(cell)
        parts = []
        for column, width in widths.items():
            cell = row[column] if column < len(row) else Cell("")
            parts.append(self._painted(cell.text, cell.style) + " " * (width - cell_len(cell.text)))
        return [(_INDENT + (" " * _GAP).join(parts)).rstrip()]

    def _long(self, cell: Cell) -> list[str]:
        """A cell over as many lines as it takes, behind the guides that it begins with."""
        guides = _GUIDES.match(cell.text)
        lead = guides[0] if guides is not None else ""
        room = max(self.width - len(_INDENT) - cell_len(lead) - _GAP, _NARROW)
        lines = _wrapped(cell.text[len(lead) :], room)
        more = " " * (cell_len(lead) + _GAP)
        return [
            f"{_INDENT}{lead if number == 0 else more}{self._painted(line, cell.style)}"
            for number, line in enumerate(lines)
        ]


_GUIDES = re.compile(r"[\s│├└─|`-]*")


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
    return before.style == block.style and (before.label == block.label or block.style in {"word", "sum"})


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces, or anywhere in a word that is longer."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines += chop_cells(word, width)
    return lines or [""]

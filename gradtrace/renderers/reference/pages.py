"""What the pages about ops and optimizers have in common: how they are written, and rows that wrap."""

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from gradtrace.text.blocks import Block, Cell, Paragraph, Table
from gradtrace.text.markdown import Markdown
from gradtrace.text.terminal import Terminal

WIDTH = 80
_NARROWEST = 40
_ENDLESS = 10_000

_ASCII = str.maketrans(
    {
        "½": "1/2", "¼": "1/4", "⊗": " outer ", "⋆": " conv ", "≥": ">=", "≤": "<=", "Φ": "Phi", "φ": "phi", "π": "pi",
        "ψ": "psi", "⁻": "^-", "ˣ": "^x", "ʸ": "^y", "¹": "1", "²": "^2", "³": "^3", "ᵖ": "^p", "₁": "1", "₂": "2",
        "ᵀ": "^T", "β": "beta", "ₖ": "_k", "ᵢ": "_i", "Π": "prod ", "\u0302": "hat", "±": "+-", "∂": "d", "→": "->",
        "←": "<-", "≠": "!=", "⁺": "^+", "λ": "lambda", "ⱼ": "_j", "₃": "3",
    }
)  # fmt: skip
"""What the catalogue uses beyond the signs that every explanation uses."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a page is written; `verbose` adds runnable torch expressions, and torch's own formulas."""

    width: int | None = None
    color: bool = False
    ascii_only: bool = False
    markdown: bool = False
    verbose: bool = False


def written(page: Callable[[int], Iterator[Block]], options: Options) -> str:
    """A page as text.

    Args:
        page: makes the blocks for lines of so many columns.
        options: how to write.
    """
    blocks = tuple(page(_ENDLESS if options.markdown else max(options.width or WIDTH, _NARROWEST)))
    if options.markdown:
        return Markdown().write(blocks)
    width = max(options.width or WIDTH, _NARROWEST)
    if options.ascii_only:
        blocks = tuple(map(in_ascii, blocks))
    return Terminal(width, options.color, options.ascii_only).write(blocks)


def wrapped_rows(name: str, text: str, style: str, room: int) -> list[tuple[Cell, ...]]:
    """A row, and rows without a name for what does not fit on its line."""
    lines = textwrap.wrap(text, max(room, 12), break_on_hyphens=False, subsequent_indent="  ") or [""]
    return [(Cell(name if not i else "", "name"), Cell(line, style)) for i, line in enumerate(lines)]


def in_ascii(block: Block) -> Block:
    """A block with the signs of formulas spelled in ASCII."""
    if isinstance(block, Table):
        rows = tuple(tuple(Cell(cell.text.translate(_ASCII), cell.style) for cell in row) for row in block.rows)
        return replace(block, rows=rows)
    if isinstance(block, Paragraph):
        return replace(block, text=block.text.translate(_ASCII))
    return block

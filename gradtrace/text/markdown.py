"""Writes the blocks of an explanation as Markdown, for issues and notes."""

import re

from gradtrace.text.blocks import Block, Facts, Heading, Paragraph, Table
from gradtrace.text.escape import markdown
from gradtrace.text.terminal import Terminal, shown

_WIDE = 160


class Markdown:
    """Headings, paragraphs and tables; a drawing keeps its columns in a code block."""

    def write(self, blocks: tuple[Block, ...]) -> str:
        """The page, ending in a line break."""
        return "\n".join(f"{self._written(block)}\n" for block in blocks)

    def _written(self, block: Block) -> str:
        if isinstance(block, Heading):
            return f"### {escaped(block.text)}"
        if isinstance(block, Paragraph):
            label = f"**{escaped(block.label)}:** " if block.label else ""
            return f"{label}{escaped(block.text)}"
        if isinstance(block, Facts):
            return "\n".join(
                f"- {f'**{escaped(fact.title)}:** ' if fact.title else ''}{escaped(fact.text)}" for fact in block.facts
            )
        return self._table(block) if block.header and not block.is_drawing else self._code(block)

    def _table(self, table: Table) -> str:
        rows = [table.header, *(tuple(cell.text for cell in row) for row in table.rows)]
        rows = [(*row, *[""] * (len(table.header) - len(row))) for row in rows]
        lines = [f"| {' | '.join(map(escaped, row))} |" for row in rows]
        return "\n".join([lines[0], f"|{' --- |' * len(table.header)}", *lines[1:]])

    def _code(self, table: Table) -> str:
        """As in a pipe, inside a fence longer than any run of backticks in it."""
        text = Terminal(_WIDE, color=False, ascii_only=False).write((table,))
        longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}text\n{text}{fence}"


def escaped(text: str) -> str:
    """Text that Markdown shows as it stands."""
    return markdown(shown(text))

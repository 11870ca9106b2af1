"""What an explanation is made of, before it is known whether a terminal, a pipe or a Markdown page will show it.

Text in blocks may hold anything; the writers make it inert.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text on one line; `style` says what it is: `title`, `name`, `gradient`, `muted`, `alarm` or ``.

    `guide` stands before it when it gets lines of its own below its row.
    """

    text: str
    style: str = ""
    guide: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """What the following blocks are about."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or several; `label` stands before it (`note`, `error`).

    `style` is `alarm` for what went wrong, `word` for entries of a list.
    """

    text: str
    label: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header.

    Attributes:
        header: the titles of the columns; empty for a table without a header.
        rows: as many cells each as there are columns.
        optional: columns whose cells go below their rows first where the line is too narrow, the least important first.
        below: a column whose cells go there before any other.
        is_list: each row is one line, cut where there is no room; `optional` columns are left out then.
        is_drawing: the cells hold a drawing (a tree) that must keep its columns, also in Markdown.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    optional: tuple[int, ...] = ()
    below: int | None = None
    is_drawing: bool = False
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence behind its title, as in an overview; one without a title goes on with the title before it."""

    title: str
    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts below each other; their sentences begin in one column and are never cut."""

    facts: tuple[Fact, ...]


Block = Heading | Paragraph | Table | Facts

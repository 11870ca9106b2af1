"""The texts of the page, each stored once, and made inert: what a browser would act on or hide becomes visible."""

from collections.abc import Iterable

from gradtrace.text.escape import visible

_LONGEST = 4_000


def inert(text: str) -> str:
    """Show what cannot be seen as an escape, but keep line breaks and tabs; shorten what nobody would read."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]} … ({len(text) - _LONGEST:,} more characters)"
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in text.split("\n"))


class Texts:
    """Numbers texts in the order in which they come; -1 stands for None."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str | None) -> int:
        """The number of a text."""
        return -1 if text is None else self._numbers.setdefault(text, len(self._numbers))

    def numbers(self, texts: Iterable[str | None]) -> list[int]:
        """The numbers of many texts."""
        known = self._numbers
        return [-1 if text is None else known.setdefault(text, len(known)) for text in texts]

    def all(self) -> list[str]:
        """All texts by number."""
        return [inert(text) for text in self._numbers]

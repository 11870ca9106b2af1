"""The part of a page between two marks, which is made and not written."""

from __future__ import annotations

from collections.abc import Callable


def remade(page: str, begin: str, end: str, make: Callable[[], str]) -> str:
    """Return the page with what stands between the two marks made anew; pages without marks stay as they are.

    Args:
        page: the whole page.
        begin: the line before the part.
        end: the line after it.
        make: makes the part; called only where it is wanted.
    """
    if begin not in page:
        return page
    head, rest = page.split(begin)
    return f"{head}{begin}{make()}{end}{rest.split(end)[1]}"

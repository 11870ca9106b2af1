"""The page of formulas is that of the catalogue."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program of docs/ that writes the entries."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.delitem(sys.modules, "formula_catalogue", raising=False)
    return importlib.import_module("formula_catalogue")


def test_page_is_fresh(pages: ModuleType) -> None:
    """What stands in the page is what the catalogue says now; if not: python docs/build.py docs/formulas.md."""
    page = (DOCS / "formulas.md").read_text("utf-8")

    assert pages.BEGIN in page
    assert pages.refresh(page) == page


def test_entry_shows_words_maths_and_torch(pages: ModuleType) -> None:
    """An entry in full, and nothing that Markdown would take for its own outside of code."""
    page = pages.refresh(f"before\n{pages.BEGIN}stale\n{pages.END}after\n")

    assert (
        "**`abs`** (`AbsBackward0`). Takes the absolute value of every element. The gradient keeps its sign where the "
        "input is positive, changes it where it is negative, and is 0 at 0.\n\n"
        "- to `self`: grad · sign(self), in torch `grad * self.sgn()`\n"
    ) in page
    assert "grad where \\|self\\| \\> lambd, else 0" in page
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "stale" not in page


def test_other_pages_are_left_alone(pages: ModuleType) -> None:
    """A page without marks is not touched."""
    assert pages.refresh("# Title\n") == "# Title\n"

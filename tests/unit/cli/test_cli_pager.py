"""When a long tree is shown in the user's pager."""

import os
from types import SimpleNamespace

import pytest

from gradtrace.cli import pager

LONG = "".join(f"line {i}\n" for i in range(60))


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 columns, 24 lines."""
    monkeypatch.setattr(pager.os, "get_terminal_size", lambda _: os.terminal_size((80, 24)))
    monkeypatch.setattr(pager, "sys", SimpleNamespace(stdout=SimpleNamespace(fileno=lambda: 1)))
    monkeypatch.setenv("TERM", "xterm")


def test_long_text_goes_through_the_pager_that_is_named(tmp_path, monkeypatch):
    """All of it, with the words of `PAGER` as its command line."""
    monkeypatch.setenv("PAGER", f"sh -c 'cat > {tmp_path}/seen'")

    assert pager.page(LONG)

    assert (tmp_path / "seen").read_text() == LONG


@pytest.mark.parametrize("name", ["", "cat", "no-such-program-at-all", "'unclosed"])
def test_without_a_pager_text_is_for_the_terminal_itself(name, monkeypatch):
    """No pager, the one that does nothing, one that is missing, and one that cannot be read."""
    monkeypatch.setenv("PAGER", name)

    assert not pager.page(LONG)


def test_what_fits_is_not_paged(monkeypatch):
    """Escape codes take no room; a line wider than the terminal takes two."""
    monkeypatch.setenv("PAGER", "true")

    assert not pager.page("\x1b[1;31mred\x1b[0m" * 20 + "\n")
    assert not pager.page("x\n" * 23)
    assert pager.page("x\n" * 22 + "y" * 81 + "\n")


def test_a_pager_that_is_left_early_is_no_error(monkeypatch):
    """As when `q` is pressed on the first page of a long text."""
    monkeypatch.setenv("PAGER", "true")

    assert pager.page(LONG * 20_000)

"""What is found out about the place where output goes."""

import fcntl
import io
import os
import struct
import termios

import pytest

from gradtrace.cli.console import file_console, look_at


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize(
    ("environment", "choice", "in_terminal", "in_pipe"),
    [
        ({}, "auto", True, False),
        ({"NO_COLOR": "1"}, "auto", False, False),
        ({"NO_COLOR": ""}, "auto", True, False),
        ({"FORCE_COLOR": "1"}, "auto", True, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, "auto", False, False),
        ({"TERM": "dumb"}, "auto", False, False),
        ({"NO_COLOR": "1"}, "always", True, True),
        ({"GITHUB_ACTIONS": "true"}, "auto", True, False),
        ({}, "never", False, False),
    ],
)
def test_colours(monkeypatch, environment, choice, in_terminal, in_pipe):
    """The option wins, then the environment, then whether a person is looking."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert look_at(_Terminal(), choice).color is in_terminal
    assert look_at(io.StringIO(), choice).color is in_pipe


def test_files_get_colours_only_on_demand(monkeypatch):
    """Whatever the environment says."""
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert [file_console(choice).color for choice in ("auto", "always", "never")] == [False, True, False]


def test_the_width_is_the_terminals():
    """Read from the terminal itself; a pipe has none."""
    leader, follower = os.openpty()
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 93, 0, 0))
    with os.fdopen(follower, "w", encoding="utf-8") as stream:
        seen = look_at(stream)
    os.close(leader)

    assert (seen.is_terminal, seen.width) == (True, 93)
    assert look_at(io.StringIO()).width is None


def test_the_width_can_be_told(monkeypatch):
    """As in other programs, by COLUMNS."""
    monkeypatch.setenv("COLUMNS", "64")

    assert look_at(io.StringIO()).width == 64


@pytest.mark.parametrize(("encoding", "unicode"), [("utf-8", True), ("ascii", False), ("latin-1", False)])
def test_signs_need_an_encoding(encoding, unicode):
    """An encoding without line drawing gets ASCII."""
    assert look_at(io.TextIOWrapper(io.BytesIO(), encoding=encoding)).unicode is unicode


def test_a_missing_or_closed_stream_is_no_terminal():
    """Stdout may have been closed before we began."""
    closed = io.StringIO()
    closed.close()

    assert [look_at(stream).is_terminal for stream in (None, closed)] == [False, False]

"""The directory of a run: where it lies, and what the launcher learns from it."""

import os
import stat
import tempfile

import pytest

from gradtrace.errors import RecordingError
from gradtrace.launch import Session, Settings, parse_target
from gradtrace.launch.session import remove_old


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "cache" / "gradtrace" / "sessions"


def test_it_does_not_lie_among_the_temporary_files(cache):
    """Those a program may clean away; nobody else can look into it."""
    with Session() as session:
        assert session.directory.parent == cache
        assert stat.S_IMODE(session.directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert list(cache.iterdir()) == []


def test_without_a_cache_it_does(tmp_path, cache):
    """And where there is no place at all, a sentence says so."""
    cache.parent.parent.write_text("a file, not a directory")
    with Session() as session:
        assert session.directory.parent == tmp_path / "temporary"

    (tmp_path / "temporary").rmdir()
    (tmp_path / "temporary").write_text("")
    with pytest.raises(RecordingError, match=r"there is no place for what is recorded: neither .* can be written"):
        Session()


def test_what_a_killed_launcher_left_is_removed_in_the_end(cache):
    """After a month in which nobody wrote to it."""
    left = [Session().directory for _ in range(3)]
    (left[1] / "1.stream").write_text("")
    for path in (left[0], left[1], left[2]):
        os.utime(path, (0, 0))
    os.utime(left[2], (0, 0))

    with Session() as session:
        remove_old(cache)
        assert sorted(cache.iterdir()) == sorted([left[1], session.directory])


def test_that_it_is_gone_is_known():
    """A program removed it: nothing else can be said of the run."""
    with Session() as session:
        session.configure(parse_target([], code="pass"), Settings())
        assert not session.is_lost
        (session.directory / "config.json").unlink()
        session.directory.rmdir()
        assert session.is_lost
        assert (session.failure, session.stopped, session.torch_started, [*session.news()]) == (None, None, False, [])


def test_words_are_told_once_and_when_they_are_whole():
    """Several processes leave the same; what is true of a running program only is not told when it has ended."""
    with Session() as session:
        (session.directory / "announced").write_bytes(b"4\0")
        (session.directory / "stopped").write_bytes(b"OSError: full\0OSError: full\0ValueError: ha")
        stopped = "the recorder failed and has switched itself off (OSError: full); the program goes on without it"

        assert [*session.news(is_over=True)] == [stopped]
        assert [*session.news()] == []  # a program that ends soon after need not be told of
        os.utime(session.directory / "announced", (0, 0))
        assert [*session.news()] == [
            "the asked-for passes are recorded; the program goes on, at pass 4 (Ctrl-C shows them now)"
        ]
        assert [*session.news()] == []
        assert session.stopped == "OSError: full"


def test_a_word_that_could_not_be_written_is_one_too():
    """On a full disk the file can be made, and nothing be written into it; until the end that may come."""
    with Session() as session:
        (session.directory / "failed").touch()

        assert [*session.news()] == []
        assert [*session.news(is_over=True)] == [
            "this process is not recorded: it could not write why: is the disk full?"
        ]


def test_a_word_that_is_on_its_way_is_waited_for():
    """A recorder makes the file, and then writes into it."""
    with Session() as session:
        (session.directory / "failed").touch()
        said = [*session.news()]
        (session.directory / "failed").write_bytes(b"no memory\0")

        assert [*said, *session.news()] == ["this process is not recorded: no memory"]

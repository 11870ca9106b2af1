"""Files are replaced whole or not at all, and nothing but a file is read as one."""

import os
import resource
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradtrace.files import PRIVATE, open_regular, read_regular, replacing


def put(path: Path, content: bytes, **options: int) -> None:
    with replacing(path, **options) as file:
        file.write(content)


def test_new_file_has_the_usual_permissions_or_those_asked_for(tmp_path: Path) -> None:
    """A recording belongs to its owner alone from its first byte on."""
    before = os.umask(0o027)
    try:
        put(tmp_path / "a", b"x")
        with replacing(tmp_path / "b", PRIVATE) as file:
            (part,) = tmp_path.glob(".gradtrace-*")
            assert stat.S_IMODE(part.stat().st_mode) == 0o600
            file.write(b"y")
    finally:
        os.umask(before)
    assert {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()} == {"a": 0o640, "b": 0o600}


def test_file_that_is_there_keeps_its_permissions(tmp_path: Path) -> None:
    """Whoever could read it still can."""
    old = tmp_path / "old"
    old.write_bytes(b"old")
    old.chmod(0o604)
    put(old, b"new", mode=PRIVATE)
    assert (old.read_bytes(), stat.S_IMODE(old.stat().st_mode)) == (b"new", 0o604)


def test_what_a_link_points_to_is_replaced(tmp_path: Path) -> None:
    """Links stay, also those to nothing yet."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("folder/new")
    put(tmp_path / "link", b"1")
    put(tmp_path / "dangling", b"2")
    assert (tmp_path / "link").is_symlink()
    assert ((tmp_path / "file").read_bytes(), (tmp_path / "folder" / "new").read_bytes()) == (b"1", b"2")


@pytest.fixture
def small_files() -> Iterator[int]:
    """No file may grow beyond 64 KiB, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    yield 1 << 16
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_file_that_cannot_be_written_whole_is_left_as_it_was(tmp_path: Path, small_files: int) -> None:
    """Neither the old content is lost, nor a part of the new one left behind."""
    (tmp_path / "old").write_bytes(b"old")
    for name in ("old", "new"):
        with pytest.raises(OSError, match="File too large"):
            put(tmp_path / name, bytes(2 * small_files))
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("old", b"old")]


def test_failure_while_writing_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Whatever it is that goes wrong."""

    def fail() -> None:
        with replacing(tmp_path / "old") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("old", b"old")]


def test_open_descriptor_is_written_through(tmp_path: Path) -> None:
    """`-o /dev/stdout` goes where stdout goes, even if that is a file."""
    with (tmp_path / "log").open("wb") as log:
        put(Path(f"/dev/fd/{log.fileno()}"), b"through")
        assert os.fstat(log.fileno()).st_ino == (tmp_path / "log").stat().st_ino
    assert (tmp_path / "log").read_bytes() == b"through"


def test_only_files_are_read(tmp_path: Path) -> None:
    """A pipe, a socket, a device or a folder is refused at once, also behind a link; so is what is too large."""
    os.mkfifo(tmp_path / "pipe")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    (tmp_path / "zero").symlink_to("/dev/zero")
    kinds = {"pipe": "a named pipe", "socket": "a socket", "zero": "a device", ".": "a directory"}
    for name, kind in kinds.items():
        with pytest.raises(OSError, match=f"it is {kind}, not a file"):
            open_regular(tmp_path / name)
    listener.close()
    (tmp_path / "file").write_bytes(b"12345")
    assert read_regular(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="it has more than 4 bytes"):
        read_regular(tmp_path / "file", 4)

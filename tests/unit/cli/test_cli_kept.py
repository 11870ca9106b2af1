"""What could not be shown is kept for a while, and not without end."""

import os
import stat

import pytest

from gradtrace.cli import kept


@pytest.fixture
def keep(tmp_path, monkeypatch):
    """Keeps a recording of so many bytes; gives what is said."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make(size, name="train"):
        recording = tmp_path / "run.gtrace"
        recording.write_bytes(b"x" * size)
        return kept.keep(recording, name, "gradtrace explain")

    return make


def _there(tmp_path):
    return sorted((tmp_path / "cache" / "gradtrace" / "recordings").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def test_it_is_moved_into_the_users_cache(keep, tmp_path):
    """Where only the user may read it; its name is that of the program, whatever that is."""
    said = keep(3, "a b/../'c")
    (path,) = _there(tmp_path)
    assert said == f"the recording is kept: gradtrace explain {path} shows it without running anything again"
    assert path.name.startswith("a-b-..-c-")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"xxx", 0o600)
    assert not (tmp_path / "run.gtrace").exists()
    keep(1, "///")
    assert any(path.name.startswith("run-") for path in _there(tmp_path))


def test_the_oldest_make_room(keep, tmp_path, monkeypatch):
    """For their number, and for their bytes."""
    monkeypatch.setattr(kept, "_MOST", 3)
    monkeypatch.setattr(kept, "_BYTES", 10)
    for number in range(1, 6):
        keep(number, f"run{number}")
        for path in _there(tmp_path):
            if path.name.startswith(f"run{number}-"):
                os.utime(path, (number, number))
    assert [path.name[:4] for path in _there(tmp_path)] == ["run4", "run5"]
    keep(1, "small")
    assert len(_there(tmp_path)) == 3
    assert "is not kept: it has 11 bytes, and all that are kept may have 10" in keep(11)
    assert len(_there(tmp_path)) == 3


def test_where_there_is_no_cache_it_is_said(keep, tmp_path):
    """The error that is shown stays the other one."""
    (tmp_path / "cache").write_text("a file, not a folder")
    assert keep(3).startswith("the recording could not be kept either: ")

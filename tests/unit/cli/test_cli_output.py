"""Where results are written, and what is found out before a run."""

import pytest

from gradtrace.cli.output import Output, absolute, check_writable
from gradtrace.errors import RenderError, UsageError


def test_looking_leaves_no_trace(tmp_path):
    """Neither a new file, nor a changed one."""
    old = tmp_path / "old.svg"
    old.write_text("before")

    check_writable(old)
    check_writable(tmp_path / "new.svg")

    assert old.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["old.svg"]


def test_paths_are_resolved_before_the_program_can_leave(tmp_path, monkeypatch):
    """And a directory that is gone is told."""
    monkeypatch.chdir(tmp_path)
    assert absolute("x.svg") == tmp_path / "x.svg"

    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match="the current directory has been removed"):
        absolute("x.svg")


def test_text_is_written_as_utf8_whatever_it_holds(tmp_path):
    """A lone surrogate becomes an escape."""
    output = Output.open(str(tmp_path / "x.txt"), "auto")

    output.write("∂\udcff")

    assert (tmp_path / "x.txt").read_bytes() == "∂\\udcff".encode()


def test_a_full_disk_is_told():
    """With the system's own words."""
    with pytest.raises(RenderError, match="cannot write /dev/full: No space left on device"):
        Output.open("/dev/full", "auto").write("x")


def test_stdout_takes_text_and_bytes(capfdbinary):
    """A dash and nothing both mean stdout."""
    Output.open(None, "auto").write("text ")
    Output.open("-", "auto").write(b"\x89PNG")

    assert capfdbinary.readouterr().out == b"text \x89PNG"


def test_file_is_replaced_whole_or_not_at_all(tmp_path):
    """What fails in the middle of a long document leaves the old one."""
    file = tmp_path / "x.json"
    file.write_text("old")

    def pieces():
        yield "x" * (1 << 20)
        raise OSError(28, "No space left on device")

    with pytest.raises(RenderError, match=r"cannot write .*x.json: No space left on device"):
        Output.open(str(file), "auto").write_pieces(pieces())

    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_closed_stdout_is_told_before_anything_runs(monkeypatch):
    """Nobody would see the result."""
    monkeypatch.setattr("sys.stdout", None)

    with pytest.raises(UsageError, match="stdout is closed: give a file with -o"):
        Output.open(None, "auto")


def test_output_through_a_dead_link_is_made_where_it_points(tmp_path):
    """If there is a folder for it."""
    (tmp_path / "a").symlink_to("new.svg")
    (tmp_path / "b").symlink_to("nowhere/new.svg")

    check_writable(tmp_path / "a")

    with pytest.raises(UsageError, match=r"there is no directory .*nowhere"):
        check_writable(tmp_path / "b")


def test_suffix_names_the_format(tmp_path):
    """In letters of any size; text is what stdout, and a file with another suffix, get."""
    formats = {".md": "markdown", ".json": "json"}
    named = [
        Output.open(str(tmp_path / name), "auto").format_by_suffix(formats) for name in ("x.md", "x.JSON", "x", "y.txt")
    ]
    assert named == ["markdown", "json", "text", "text"]
    assert Output.open(None, "never").format_by_suffix(formats) == "text"

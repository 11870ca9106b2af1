"""From the command line: no file makes gradtrace wait, run what is no program, or destroy what was there."""

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import builders
import pytest
from stream_lines import content, framed, line, packed, recording, stream

COMMANDS = (["explain"], ["check"], ["render", "-f", "svg"], ["render", "-f", "json"])


def gradtrace(*words: str | Path, cwd: Path, **options: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gradtrace", *map(str, words)]
    options = {"stdout": subprocess.PIPE, **options}
    return subprocess.run(command, cwd=cwd, stderr=subprocess.PIPE, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    file = tmp_path / "run.gtrace"
    file.write_bytes(b"".join(framed(recording(builders.product_trace()))))
    return file


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_sources_that_are_no_files_of_the_run_are_not_opened(tmp_path: Path, words: list[str]) -> None:
    """A recording may name anything as a source: a device, a pipe, a secret, a link out of the folder."""
    os.mkfifo(tmp_path / "pipe.py")
    secret = tmp_path / "secret"
    secret.write_text("x = 1  # gradtrace: ignore[hidden-in-here]\n")
    work = tmp_path / "work"
    work.mkdir()
    (work / "link.py").symlink_to(secret)
    lines = recording(builders.product_trace())
    for file in ("/dev/zero", tmp_path / "pipe.py", work / "link.py", secret, "/dev/tty", "/proc/self/mem"):
        place = {"line": 1, "column": 1, "end_line": 1, "end_column": 2, "function": "f", "text": "x"}
        number = len(lines)
        lines[2:2] = [
            line("location", id=900 + number, file=str(file), **place),
            line("event", kind="step", pass_index=0, location=900 + number),
        ]
    lines[0] = lines[0].replace(b'"expression"', b'"facts": true, "expression"')
    (work / "run.gtrace").write_bytes(content(lines))
    done = gradtrace(*words, "--color", "never", "run.gtrace", cwd=work)
    assert (done.returncode, done.stderr) in [(0, ""), (1, "")]
    assert "hidden-in-here" not in done.stdout


def test_recording_by_another_name_is_shown_and_other_files_are_not_run(recorded: Path) -> None:
    """What a file holds says what it is."""
    other = recorded.rename(recorded.with_name("run.json"))
    assert gradtrace("explain", other, cwd=other.parent).stdout.startswith("  root = ")
    (other.parent / "b.recording").write_text("open('executed', 'w')\n")
    done = gradtrace("explain", "b.recording", cwd=other.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no recording" in done.stderr
    assert not (other.parent / "executed").exists()


def test_full_disk_leaves_the_old_picture(recorded: Path) -> None:
    """And the error says why; nothing is left beside it."""
    picture = recorded.with_name("a.svg")
    picture.write_text("old")

    def on_a_small_disk() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = gradtrace(
        "render", recorded, "--engine", "builtin", "-o", picture, cwd=recorded.parent, preexec_fn=on_a_small_disk
    )
    assert done.returncode == 2
    assert done.stderr == f"gradtrace: error: cannot write {picture}: File too large\n"
    assert picture.read_text() == "old"
    assert {one.name for one in recorded.parent.iterdir()} == {"a.svg", "run.gtrace"}


@pytest.mark.parametrize("words", [*COMMANDS, ["--help"], ["rule", "--list"]], ids=" ".join)
def test_stdout_that_takes_nothing_is_an_error(recorded: Path, words: list[str]) -> None:
    """Closed or full: never status 0 and silence."""
    target = [] if words[0] in ("--help", "rule") else [recorded]
    command = [sys.executable, "-m", "gradtrace", *words, *map(str, target)]
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command], stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    with Path("/dev/full").open("w") as full:
        filled = gradtrace(*words, *target, cwd=recorded.parent, stdout=full)
    assert (closed.returncode, filled.returncode) == (2, 2)
    assert "closed" in closed.stderr
    assert filled.stderr.endswith("gradtrace: error: cannot write to stdout: No space left on device\n")


def test_reader_that_leaves_ends_the_command_as_any_other(recorded: Path) -> None:
    """By SIGPIPE, without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    done = gradtrace("render", "-f", "json", recorded, cwd=recorded.parent, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, "")


def test_unmerged_streams_are_shown_and_merged(tmp_path: Path) -> None:
    """Every command takes the folder; `merge` says which process is not whole, and makes a private file."""
    session = tmp_path / "left"
    session.mkdir()
    whole = b"".join(framed(stream(builders.product_trace(), pid=1, rank=0)))
    cut = b"".join(framed(stream(builders.product_trace(), pid=2, rank=1)))[:-30]
    (session / "1.stream").write_bytes(whole)
    (session / "2.stream").write_bytes(cut)
    assert "rank 1 wrote ends in the middle of a line" in gradtrace("explain", session, cwd=tmp_path).stdout
    done = gradtrace("merge", session, "-o", "all.gtrace", cwd=tmp_path)
    assert done.returncode == 0
    assert "gradtrace: what rank 1 wrote ends in the middle of a line; it was read up to there\n" in done.stderr
    assert stat.S_IMODE((tmp_path / "all.gtrace").stat().st_mode) == 0o600
    assert "holds no streams" in gradtrace("merge", tmp_path, "-o", "x", cwd=tmp_path).stderr


def test_too_dense_a_picture_is_refused_with_a_hint(tmp_path: Path) -> None:
    """Nobody could read it, and it would take half a minute and 27 MB."""
    n = 130
    edges = [(i, j) for i in range(n) for j in range(i + 1, n)]
    columns, data = packed(
        kind_I=[0] * n,
        source_I=[i for i, _ in edges],
        target_I=[j for _, j in edges],
        slot_I=[j - i - 1 for i, j in edges],
        output_I=[0] * len(edges),
    )
    head = recording(builders.product_trace())[:1]
    begin = {"call": "Tensor.backward", "retain_graph": False, "create_graph": False, "recorded": "full"}
    lines = [
        *head,
        line("spec", id=0, shape=[], dtype="float32"),
        line("node_kind", id=0, type="AddBackward0", op="add", call="add", outputs=[[0, 0]]),
        line("graph", data, id=0, n_nodes=n, n_edges=len(edges), columns=columns),
        line("pass", index=1, roots=[[0, "l", 0]], graph=0, **begin),
        line("pass_end", index=1),
        line("status", status=0),
    ]
    (tmp_path / "dense.gtrace").write_bytes(content(lines))
    for form in ("svg", "dot"):
        done = gradtrace("render", "-f", form, "--no-fold", "dense.gtrace", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert "8,385 arrows between 130 boxes" in done.stderr
        assert "--focus NAME" in done.stderr

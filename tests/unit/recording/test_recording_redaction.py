"""What `--redact` leaves out."""

from pathlib import Path

import builders
import pytest
from stream_lines import content, line, stream

from gradtrace.recording import Redaction, load, merge

HERE, HOME = Path("/homes/ann/projects/net"), Path("/homes/ann")


def redacted(tmp_path: Path, *lines: bytes, target: str = "train.py", argv: tuple[str, ...] = ()) -> Path:
    first = stream(builders.product_trace(), target=target, argv=list(argv))
    (tmp_path / "1.stream").write_bytes(content([*first, *lines]))
    merge(tmp_path, target=tmp_path / "run.gtrace", status=0, redaction=Redaction(HERE, HOME))
    return tmp_path / "run.gtrace"


@pytest.mark.parametrize(
    ("target", "argv", "shown"),
    [
        ("train.py", ("--token", "s3cret"), "train.py"),
        ("/homes/ann/projects/net/train.py", ("s3cret",), "train.py"),
        ("torchrun train.py s3cret", ("train.py", "s3cret"), "torchrun [redacted]"),
        ("-c key = 's3cret'", (), "-c [redacted]"),
        ("-m train", ("s3cret",), "-m train"),
    ],
)
def test_words_of_the_program_are_left_out(tmp_path: Path, target: str, argv: tuple[str, ...], shown: str) -> None:
    """Only how many there were is told."""
    file = redacted(tmp_path, target=target, argv=argv)
    run = load(file).run
    assert (run.target, run.argv) == (shown, ("[redacted]",) * len(argv))
    assert b"s3cret" not in file.read_bytes()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("File /homes/ann/projects/net/models/a.py", "File models/a.py"),
        ('"/homes/ann/projects/net"', '"."'),
        ("/homes/ann/data/x.bin, /homes/ann", "~/data/x.bin, ~"),
        ("/homes/anna/x /homes/ann-2/x", "/homes/anna/x /homes/ann-2/x"),
        ("/mnt/homes/ann/x", "/mnt/homes/ann/x"),
        ("/usr/lib/x.py", "/usr/lib/x.py"),
    ],
)
def test_folders_are_left_out_of_every_text(tmp_path: Path, text: str, shown: str) -> None:
    """Below the current directory paths become relative, and below the home `~`; others stay."""
    assert load(redacted(tmp_path, line("note", text=text))).run.notes[0] == shown


def test_files_named_in_other_letters_are_found(tmp_path: Path) -> None:
    """A name beyond ASCII stands in the file as escapes."""
    (tmp_path / "1.stream").write_bytes(
        content([*stream(builders.product_trace()), line("note", text="/homes/bjørn/x")])
    )
    merge(tmp_path, target=tmp_path / "r", redaction=Redaction(HERE, Path("/homes/bjørn")))
    assert load(tmp_path / "r").run.notes[0] == "~/x"

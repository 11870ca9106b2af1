"""What the words of a command line are taken for."""

import json
import os
from pathlib import Path

import pytest

from gradtrace.errors import GradtraceError, TargetError, UsageError
from gradtrace.launch import TargetKind, parse_target


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_an_existing_file_is_a_script(tmp_path):
    """A file without a suffix is run, with the words after -- as its own."""
    (tmp_path / "train").touch()

    target = parse_target(["train"], program_argv=["--lr", "0.1"])

    assert (target.kind, target.words, target.argv) == (TargetKind.SCRIPT, ("train",), ("--lr", "0.1"))


def test_a_script_whose_name_begins_with_a_dash_is_not_an_option_of_python(tmp_path):
    """Python is given ./-x.py, because it would read -x.py as options."""
    (tmp_path / "-x.py").touch()

    assert parse_target(["-x.py"]).words == ("./-x.py",)


def test_a_directory_needs_a_main(tmp_path):
    """A directory is run by its __main__.py, and said to be no program without one."""
    (tmp_path / "app").mkdir()
    with pytest.raises(TargetError, match=r"the directory app has no __main__\.py"):
        parse_target(["app"])

    (tmp_path / "app" / "__main__.py").touch()

    assert parse_target(["app"]).kind is TargetKind.DIRECTORY


def test_a_recording_is_recognised_by_its_suffix(tmp_path):
    """A .gtrace file is not run."""
    (tmp_path / "run.gtrace").touch()

    assert parse_target(["run.gtrace"]).kind is TargetKind.RECORDING
    with pytest.raises(UsageError, match=r"run\.gtrace is a recording"):
        parse_target(["run.gtrace"], program_argv=["x"])


def notebook(path, **fields):
    """Write a notebook with one cell."""
    cell = {"cell_type": "code", "source": ["import torch"], "metadata": {}}
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, **fields}), "utf-8")


def test_a_notebook_is_run(tmp_path):
    """It is a target of its own kind, which takes words."""
    notebook(tmp_path / "intro.ipynb")
    target = parse_target(["intro.ipynb"], program_argv=["--epochs", "2"])

    assert (target.kind, target.stem, target.argv) == (TargetKind.NOTEBOOK, "intro", ("--epochs", "2"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"cells": "x"}, "is damaged: its cells are not those of a notebook"),
        ({"cells": [{"source": 3}]}, "is damaged: its cells are not those of a notebook"),
        ({"cells": []}, "has no cell with code: there is nothing to run"),
        ({"nbformat": 3}, "has version 3 of the notebook format, and gradtrace reads version 4: open and save it"),
        ({"metadata": {"kernelspec": {"language": "R"}}}, "is a notebook of R, and gradtrace runs those of Python"),
        ({"metadata": {"language_info": {"name": "julia"}}}, "is a notebook of julia"),
    ],
)
def test_a_notebook_that_cannot_be_run_is_refused(tmp_path, fields, said):
    """The error says why, before anything runs."""
    notebook(tmp_path / "intro.ipynb", **fields)
    with pytest.raises(TargetError, match=said):
        parse_target(["intro.ipynb"])


@pytest.mark.parametrize(("text", "said"), [("", "it is not JSON"), ("[]", "it has no cells"), ("{", "it is not JSON")])
def test_a_file_that_is_no_notebook_is_refused(tmp_path, text, said):
    """Whatever its name is."""
    (tmp_path / "intro.ipynb").write_text(text, "utf-8")
    with pytest.raises(TargetError, match=f"is no notebook: {said}"):
        parse_target(["intro.ipynb"])


def test_modules_and_code_are_given_to_python_as_they_are():
    """-m and -c become the same words for python."""
    module, code = parse_target([], module="pkg.run", program_argv=["q"]), parse_target([], code="print(1)")

    assert (module.words, module.text, module.stem) == (("-m", "pkg.run"), "-m pkg.run", "run")
    assert (code.words, code.text, code.stem) == (("-c", "print(1)"), "-c print(1)", "code")


def test_without_a_target_the_words_after_the_dashes_are_a_command():
    """So torchrun and its like can be launched."""
    target = parse_target([], program_argv=["torchrun", "--nproc-per-node", "2", "train.py"])

    assert target.kind is TargetKind.COMMAND
    assert target.words == ("torchrun", "--nproc-per-node", "2", "train.py")
    assert target.stem == "train"


def test_what_is_no_path_is_an_expression():
    """Further words define its leaves and constants."""
    target = parse_target(["w*w*y", "w=0.5", "y:=2.0"])

    assert target.kind is TargetKind.EXPRESSION
    assert target.argv == ("w=0.5", "y:=2.0")
    assert [(item.name, item.source, item.is_leaf) for item in target.expression.bindings] == [
        ("w", "0.5", True),
        ("y", "2.0", False),
    ]


def test_a_missing_file_is_told_with_what_was_perhaps_meant(tmp_path):
    """Names in the same directory that look alike are offered."""
    (tmp_path / "train.py").touch()
    (tmp_path / "other.txt").touch()

    with pytest.raises(TargetError) as caught:
        parse_target(["trian.py"])

    assert str(caught.value) == "there is no file trian.py; did you mean train.py?"


def test_a_missing_directory_is_told():
    """The part of the path that is wrong is named."""
    with pytest.raises(TargetError, match=r"there is no file no/train\.py: there is no directory no"):
        parse_target(["no/train.py"])


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        ([], {}, "nothing to run"),
        ([], {"program_argv": []}, "nothing to run"),
        ([], {"module": "a", "code": "b"}, "give one"),
        (["x"], {"module": "a"}, "put the program's own options after --"),
        (
            ["train.py", "lr=3"],
            {},
            "'lr=3' is one word too many after train.py: put the program's own options after --",
        ),
        (["train.py"], {"grad_output": "1"}, "--grad-output is for expressions"),
        (["w*w", "w=1"], {"program_argv": ["a"]}, "w*w is an expression"),
    ],
)
def test_contradictions_are_usage_errors(tmp_path, words, options, message):
    """Each is refused with what to do instead, and the status of a usage error."""
    (tmp_path / "train.py").touch()

    with pytest.raises(GradtraceError) as caught:
        parse_target(words, **options)

    assert message in str(caught.value)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("word", ["w" * 10_000, "a\0b", "\udcff*2"])
def test_no_word_is_too_strange_to_be_looked_at(word):
    """Text that cannot be a path is an expression, good or bad."""
    try:
        kind = parse_target([word]).kind
    except TargetError:
        kind = TargetKind.EXPRESSION

    assert kind is TargetKind.EXPRESSION


HEADER = b'{"t": "header", "format": "gradtrace-recording", "version": [1, 0]'


@pytest.mark.parametrize("name", ["run.gtrace", "run.json", "run.recording", "run", "run.py", "run.txt.bak"])
def test_recording_is_known_by_what_it_holds(tmp_path: Path, name: str) -> None:
    """Whatever its name: it is never run."""
    (tmp_path / name).write_bytes(HEADER)
    assert parse_target([str(tmp_path / name)]).kind is TargetKind.RECORDING


@pytest.mark.parametrize(
    ("name", "content"), [("a.py", b""), ("a.PYW", b"x"), ("a", b"x"), ("a.cgi", b"#!/usr/bin/env python3\n")]
)
def test_programs_are_run_by_name_or_first_line(tmp_path: Path, name: str, content: bytes) -> None:
    """Those that are called like one, or begin with a line that names python."""
    (tmp_path / name).write_bytes(content)
    assert parse_target([str(tmp_path / name)]).kind is TargetKind.SCRIPT


@pytest.mark.parametrize("name", ["data.recording", "data.json", "notes.txt", "a.cfg"])
def test_other_files_are_not_run(tmp_path: Path, name: str) -> None:
    """The message says how to run one that is a program after all."""
    file = tmp_path / name
    file.write_bytes(b"print('executed')\n")
    with pytest.raises(TargetError, match=rf"is no recording, .* so it is not run: .* as in: -- python {file}"):
        parse_target([str(file)])


@pytest.mark.parametrize("name", ["x.gtrace", "x.json"])
def test_pipes_devices_and_dead_links_are_refused_at_once(tmp_path: Path, name: str) -> None:
    """Nothing waits for a writer, and nothing is read from them."""
    file = tmp_path / name
    os.mkfifo(file)
    with pytest.raises(TargetError, match=r"cannot read .*: it is a named pipe, not a file"):
        parse_target([str(file)])
    file.unlink()
    file.symlink_to("/dev/zero")
    with pytest.raises(TargetError, match=r"cannot read .*: it is a device, not a file"):
        parse_target([str(file)])
    file.unlink()
    file.symlink_to("gone")
    with pytest.raises(TargetError, match=r"is a link to gone, and there is no such file"):
        parse_target([str(file)])


def test_folder_of_streams_is_a_recording(tmp_path: Path) -> None:
    """A folder that holds neither these nor a program is refused."""
    with pytest.raises(TargetError, match="no streams of a recording"):
        parse_target([str(tmp_path)])
    (tmp_path / "1.stream").write_bytes(HEADER)
    assert parse_target([str(tmp_path)]).kind is TargetKind.RECORDING

"""What a project settles counts where the command line says nothing."""

import pytest

from gradtrace.cli import explain
from gradtrace.cli.main import main
from gradtrace.model.kinds import Level

TABLE = """\
[tool.gradtrace]
passes = "5-6"
level = "structure"
device = "meta"
seed = 3
dtype = "float64"
stop-after = 20
timeout = 5
root = ["loss"]
format = "markdown"
"""


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """Runs `explain` up to where the program would be started; gives the request and the format."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "train.py").write_text("import torch\n")
    (tmp_path / "run.gtrace").touch()
    calls = []

    def show(request, told_as, *_):
        calls.append((request, told_as.name))
        return 0

    monkeypatch.setattr(explain, "show", show)

    def ask(table, *words):
        (tmp_path / "pyproject.toml").write_text(table)
        assert main(["explain", *words]) == 0
        return calls.pop()

    return ask


def test_the_project_says_how_to_run(shown):
    """Its file lies above the target."""
    request, name = shown(TABLE, "sub/train.py")
    settings = request.settings
    assert name == "markdown"
    assert (settings.passes, settings.level, settings.device) == (((5, 6),), Level.STRUCTURE, "meta")
    assert (settings.seed, settings.dtype, settings.stop_after) == (3, "float64", 20)
    assert (settings.timeout, settings.roots) == (5.0, ("loss",))
    assert request.has_passes


def test_the_command_line_says_more(shown):
    """Also where it says what is the default."""
    run = ["--passes", "1-3", "--level", "default", "--device", "cpu", "--seed", "0", "--stop-after", "1"]
    words = [*run, "--timeout", "9", "--root", "x", "-f", "text"]
    request, name = shown(TABLE, *words, "sub/train.py")
    settings = request.settings
    assert name == "text"
    assert (settings.passes, settings.level, settings.device) == (((1, 3),), Level.DEFAULT, "cpu")
    assert (settings.seed, settings.dtype, settings.stop_after) == (0, "float64", 1)
    assert (settings.timeout, settings.roots) == (9.0, ("x",))


def test_a_file_has_the_format_of_its_name(shown):
    """And a format that the command does not have is meant for others."""
    assert shown(TABLE, "-o", "story.json", "sub/train.py")[1] == "json"
    assert shown(TABLE.replace("markdown", "svg"), "sub/train.py")[1] == "text"


def test_a_recording_takes_nothing_of_it_but_the_format(shown):
    """It is not run."""
    request, name = shown(TABLE, "run.gtrace")
    assert (request.settings.device, request.settings.seed, name) == (None, None, "markdown")


@pytest.mark.parametrize(
    ("table", "words", "message"),
    [
        ('passes = "x"', ["explain", "w", "w=1"], 'passes = "x" in [tool.gradtrace]: say 1-3, 100, 1,5,10-20, '),
        ('format = "jsn"', ["why", "w", "w=1", "w"], "no command has a format 'jsn'; did you mean json?"),
        ("passes = '3-1'", ["diff", "a.py", "b.py"], "3-1 ends before it begins"),
        ("ignore = ['x']", ["check", "a.py"], "ignore in [tool.gradtrace]: there is no rule 'x'"),
        ("sed = 1", ["record", "a.py"], "[tool.gradtrace] has a key 'sed'; did you mean seed?"),
    ],
)
def test_what_the_project_gets_wrong_is_told_with_the_file(tmp_path, monkeypatch, capsys, table, words, message):
    """By every command with a target, before anything runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.py", "b.py"):
        (tmp_path / name).touch()
    (tmp_path / "pyproject.toml").write_text(f"[tool.gradtrace]\n{table}\n")
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"gradtrace: error: {tmp_path / 'pyproject.toml'}: ")
    assert message in told.err

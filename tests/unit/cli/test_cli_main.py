"""Every ending of the command is one status and at most one message."""

import signal
import subprocess
import sys

import pytest
import typer

from gradtrace import __version__
from gradtrace.cli import main as cli
from gradtrace.cli.main import main


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def test_the_version_is_the_packages(capsys):
    """And nothing else is printed."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"gradtrace {__version__}\n"


def test_help_lists_every_command_in_the_order_of_the_table(capsys):
    """With a line for each."""
    assert main(["--help"]) == 0

    listed = capsys.readouterr().out.partition("Commands:\n")[2].split("\n\n")[0]
    assert [line.split()[0] for line in listed.splitlines()] == list(cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_values_of_options_are_text_or_have_a_parser(name):
    """What reads them without Typer's validators knows no other types."""
    command = cli._Commands().get_command(None, name)
    for parameter in command.declared_parameters.values():
        if parameter.annotation is not typer.Context:
            kind, option = parameter.annotation.__origin__, parameter.annotation.__metadata__[0]
            assert option.parser is not None or kind in (bool, bool | None, str, str | None, list[str] | None), (
                parameter.name
            )


@pytest.mark.parametrize("command", ["explain", "render", "check", "record", "why"])
def test_help_of_a_command_has_its_options_in_groups(capsys, command):
    """`help COMMAND` is what `COMMAND --help` is; nothing in it is markup, and no line is longer than asked for."""
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert main(["help", command]) == 0
    assert capsys.readouterr().out == text

    groups = [line[:-1] for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert [group for group in groups if group in ("Options", "Run", "Record", "Expressions")] == [
        "Options",
        "Run",
        "Record",
        "Expressions",
    ] or command == "record"
    assert {"Options", "Run", "Record", "Expressions"} <= {*groups}
    assert "--seed N" in text.partition("\nRun:\n")[2].partition("\n\n")[0]
    assert max(map(len, text.splitlines())) <= 100


def test_without_a_command_the_help_is_shown(capsys):
    """It is a usage error all the same."""
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["explain", "train.py", "--lr", "1"], "there is no option --lr; put the program's own options after --"),
        (
            ["explain", "w", "--sed", "1"],
            "no option --sed (did you mean --seed?); put the program's own options after --",
        ),
        (["explain", "-w*w", "w=1"], "write an expression that begins with - in parentheses, as in '(-w*w)'"),
        (["train.py"], "'train.py' is no command: did you mean gradtrace explain train.py?"),
        (["w * w", "w=2"], "'w * w' is no command: did you mean gradtrace explain 'w * w'?"),
        (["explian", "w"], "there is no command 'explian': did you mean explain?"),
        (["-m", "train"], "-m stands after the command, as in: gradtrace explain -m train"),
        (["--seed", "1", "check", "a b.py"], "as in: gradtrace check --seed 1 'a b.py'"),
        (["--sed"], "there is no option --sed\n"),
        (["doctor", "--pyton", "x"], "there is no option --pyton (did you mean --python?)\n"),
        (["explain", "w", "--level", "Ful"], "'Ful' is not one of 'structure', 'default', 'full'; did you mean full?"),
        (["explain", "w", "-f", "markdwn"], "choose text, markdown, json; did you mean markdown?"),
        (["schema", "chek"], "; did you mean check?"),
        (["play"], "there is no command 'play': the commands are explain, "),
        (["explain", "w", "--stop-after", "0"], "'--stop-after': 0 is not in the range x>=1"),
        (["explain", "w", "--dtype", "int8"], "'--dtype': 'int8' is not one of 'float16', "),
        (["explain", "w", "--seed", "x"], "'--seed': 'x' is not a valid integer"),
        (["explain", "w", "--seed", str(2**64)], "'--seed': 18446744073709551616 is not in the range -2**63<=x<2**64"),
        (["explain", "w", "--timeout", "0"], "'--timeout': 0.0 is not in the range x>0"),
        (["explain", "w", "--seed"], "option '--seed' requires an argument"),
        (["why"], "missing argument 'NAME'"),
        (["why", "x.py"], "of which tensor? say: gradtrace why x.py NAME"),
        (["doctor", "a", "b"], "error: doctor takes no more words: a b\n"),
        (["merge"], "missing argument 'FOLDER|FILE...'"),
        (["merge", "folder"], "missing option '-o' / '--output'"),
        (["help", "explian"], "there is no command 'explian': did you mean explain?"),
        (["explain"], "nothing to run"),
        (["explain", "no.py"], "there is no file no.py"),
        (["explain", "w*"], "the expression cannot be read: invalid syntax\n    w*\n      ^"),
        (["explain", "w", "--passes", "x"], "--passes x: say 1-3, 100"),
        (["render", "w", "-f", "gif"], "there is no format 'gif' here: choose tree, dot, svg, "),
        (["render", "w", "-o", "x.gif"], "the suffix '.gif' names no format: use one of .txt, .dot, .svg, "),
        (["render", "w", "-o", "x"], "x has no suffix to name a format"),
        (["render", "w", "-o", "no/x.svg"], "there is no directory "),
        (["render", "w", "-o", "."], "Is a directory; nothing was run"),
        (["render", "w", "-f", "svg", "--max-lines", "3"], "--max-lines means nothing to the format svg"),
        (["explain", "w", "-f", "json", "--ascii"], "--ascii means nothing to the format json"),
        (
            ["render", "w", "-f", "json", "--pass", "1"],
            "--pass means nothing to the format json, which holds every pass",
        ),
        (["explain", "w", "-f", "html"], "choose text, markdown, json; gradtrace render has it"),
        (
            ["memory", "w", "-f", "svg"],
            "there is no format 'svg' here: choose text, markdown, json, csv; did you mean csv?",
        ),
    ],
)
def test_mistakes_are_told_and_nothing_runs(capsys, words, message):
    """On stderr alone, with the status of a usage error."""
    status = main(words)

    told = capsys.readouterr()
    assert (status, told.out) == (2, "")
    assert told.err.startswith("gradtrace: error: ")
    assert message in told.err


def test_a_recording_is_not_run_again(capsys, tmp_path):
    """Options that say how to run have no meaning for it, and it cannot be recorded."""
    (tmp_path / "run.gtrace").touch()

    assert main(["explain", "run.gtrace", "--seed", "1"]) == 2
    assert "--seed says how to run a program, and run.gtrace is a recording" in capsys.readouterr().err
    assert main(["record", "run.gtrace"]) == 2
    assert "run.gtrace is a recording already" in capsys.readouterr().err


def test_hostile_words_are_shown_inert(capsys):
    """No escape sequence, direction mark or lone surrogate reaches the terminal."""
    main(["explain", "\x1b[31m\u202e\udcff.py"])

    assert capsys.readouterr().err == "gradtrace: error: there is no file \\x1b[31m\\u202e\\udcff.py\n"


def _command_that_raises(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(cli._Commands, "get_command", fail)


def test_a_bug_of_ours_is_one_line(capsys, monkeypatch):
    """The traceback is there for those who ask for it."""
    monkeypatch.delenv("GRADTRACE_DEBUG", raising=False)
    error = KeyError("x")
    error.add_note("the recording is kept: there")
    _command_that_raises(monkeypatch, error)

    assert main(["explain"]) == 2
    assert capsys.readouterr().err == (
        "gradtrace: internal error: KeyError: 'x' (please report; run with GRADTRACE_DEBUG=1 for the traceback)\n"
        "the recording is kept: there\n"
    )

    monkeypatch.setenv("GRADTRACE_DEBUG", "1")
    with pytest.raises(KeyError):
        main(["explain"])


def test_an_interrupt_of_ours_ends_us_by_the_same_signal():
    """So that a shell's loop ends too."""
    code = (
        "import gradtrace.cli.main as cli\n"
        "def fail(*_): raise KeyboardInterrupt\n"
        "cli._Commands.get_command = fail\n"
        "cli.main(['explain'])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_quiet_is_about_our_own_lines_alone(monkeypatch):
    """The story on stdout is the same with `-q`."""
    from gradtrace.cli import explain

    asked = []
    monkeypatch.setattr(explain, "show", lambda *shown: asked.append(shown[3:]) or 0)
    assert main(["explain", "w", "w=1"]) == main(["explain", "-q", "w", "w=1"]) == 0
    assert asked[0] == asked[1]

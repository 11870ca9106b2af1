"""What a shell offers after Tab, as the script of each shell asks for it."""

import os
import subprocess
import sys

import pytest

from gradtrace.cli.main import main

VARIABLE = "_GRADTRACE_COMPLETE"


@pytest.fixture
def offered(monkeypatch, capsys):
    """Asks like the script of a shell does with the line typed so far; gives what is printed."""

    def ask(shell: str, line: str) -> str:
        words = line.split(" ")
        asked = {
            "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
            "zsh": {"_TYPER_COMPLETE_ARGS": line},
            "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
        }[shell]
        for name, value in {VARIABLE: f"complete_{shell}", **asked}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ending:
            main([])
        assert not ending.value.code
        return capsys.readouterr().out

    return ask


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "wanted", "others"),
    [
        ("gradtrace re", {"render", "record"}, {"explain"}),
        ("gradtrace render -f me", {"mermaid"}, {"svg", "sarif"}),
        ("gradtrace explain --format ", {"text", "markdown", "json"}, {"svg"}),
        ("gradtrace check -f s", {"sarif"}, {"svg"}),
        ("gradtrace check --ignore zero-", {"zero-grad-forgotten"}, {"unused-ignore"}),
        ("gradtrace rule zero-", {"zero-grad-forgotten"}, {"unused-ignore"}),
        ("gradtrace explain --device c", {"cpu", "cuda"}, {"mps"}),
        ("gradtrace explain train.py --se", {"--seed"}, {"--select"}),
        ("gradtrace help re", {"render", "record"}, {"explain"}),
        ("gradtrace schema c", {"check"}, {"why"}),
        ("gradtrace norms --by p", {"parameter"}, {"module"}),
        ("gradtrace formula sigm", {"sigmoid"}, {"mul"}),
    ],
)
def test_each_shell_is_offered_what_may_come_next(offered, shell, line, wanted, others):
    """Commands, options, formats, rules, devices and ops."""
    words = {*offered(shell, line).replace('"', " ").replace("(", " ").split()}
    assert wanted <= words
    assert not others & words


def test_commands_are_offered_with_their_line_of_the_help(offered):
    """Whole, where a shell shows it."""
    assert "tree, DOT, SVG, PNG, PDF, Mermaid, HTML, JSON." in offered("zsh", "gradtrace ren")


def test_a_target_is_left_to_the_shell_which_knows_files(offered):
    """Nothing is offered in their place."""
    assert offered("bash", "gradtrace explain tr") == "\n"
    assert offered("zsh", "gradtrace explain tr") == "_files\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_asks_by_our_variable(monkeypatch, capsys, shell):
    """It is what `--show-completion` prints in that shell, and `--install-completion` puts into its files."""
    monkeypatch.setenv(VARIABLE, f"source_{shell}")
    with pytest.raises(SystemExit) as ending:
        main([])
    script = capsys.readouterr().out
    assert not ending.value.code
    assert f"{VARIABLE}=complete_{shell}" in script
    assert "gradtrace" in script


def test_the_shell_around_us_can_be_given_its_script(tmp_path):
    """A real bash takes the script, and then completes with it."""
    bin_folder = os.path.dirname(sys.executable)  # noqa: PTH120
    script = (
        'eval "$(gradtrace --show-completion)"; COMP_WORDS=(gradtrace rend); COMP_CWORD=1;'
        ' $(complete -p gradtrace | sed "s/.*-F \\([^ ]*\\) .*/\\1/") gradtrace; echo "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert (done.stdout, done.stderr) == ("render\n", "")

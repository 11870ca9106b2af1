"""What the README tells people to run is what the checks run."""

import re
from pathlib import Path

from gradtrace.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]


def test_checks_run_the_commands_of_the_readme() -> None:
    """Both set-up commands of the README stand, letter for letter, in the script of the checks; the tests come last."""
    set_up = (ROOT / "README.md").read_text("utf-8").split("## Set up")[1].split("\n## ")[0]
    commands = re.findall(r"^```sh\n(.*?)^```$", set_up, re.MULTILINE | re.DOTALL)
    script = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert len(commands) == 2
    assert all(command.strip() in script for command in commands)
    assert script[-1] == commands[1].strip()


def test_every_command_is_listed() -> None:
    """The README's table has a row for each command that exists, and none for others."""
    readme = (ROOT / "README.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `gradtrace (\w+)", readme, re.MULTILINE))
    assert listed == set(COMMANDS)

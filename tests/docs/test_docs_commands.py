"""What the README tells people to run is what the checks run."""

import re
from pathlib import Path

import pytest

from gradtrace.cli.main import COMMANDS
from gradtrace.diagnosis.registry import RULES

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


def test_every_rule_is_found_by_what_people_see() -> None:
    """The page of symptoms leads to each rule, and to none that is not there."""
    named = re.findall(
        r"\[([a-z0-9-]+)\]\(rules\.md#([a-z0-9-]+)\)", (ROOT / "docs" / "symptoms.md").read_text("utf-8")
    )
    assert {text for text, _ in named} == {rule.name for rule in RULES}
    assert all(text == anchor for text, anchor in named)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    """Links of one page to another, and to a heading of it, as code hosts name headings."""
    for file, anchor in re.findall(
        r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", _FENCED.sub("", page.read_text("utf-8"))
    ):
        target = page.parent / file if file else page
        assert target.exists(), file
        if anchor:
            assert anchor in _anchors(target), f"{file}#{anchor}"


_FENCED = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", _BLOCK.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

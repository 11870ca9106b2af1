"""The page of a rule is its first test: what it shows as wrong is found, and what it shows as right is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from rule_programs import sections

from gradtrace.diagnosis import rules
from gradtrace.diagnosis.diagnose import SEVERITIES
from gradtrace.diagnosis.examine import examine
from gradtrace.diagnosis.registry import RULES
from gradtrace.diagnosis.rule import Rule
from gradtrace.diagnosis.selection import Selection
from gradtrace.model import Finding, Trace

FOLDER = Path(rules.__path__[0])
SECTIONS = (
    *("What it does", "Why is this bad?", "Example", "Use instead"),
    *("How it is detected", "Known problems"),
)
EVERYTHING = Selection(severity="info")

per_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@pytest.fixture(scope="module")
def found(pages: dict[tuple[str, str], Trace]) -> dict[tuple[str, str], tuple[tuple[Finding, ...], list[str]]]:
    """What is found in the programs of all pages, and what went wrong with the rules."""
    results = {}
    for key, trace in pages.items():
        diagnosed = examine(trace, EVERYTHING)
        results[key] = diagnosed.findings, [note for note in diagnosed.run.notes if note.startswith("the rule ")]
    return results


def test_every_rule_is_in_the_registry() -> None:
    """A rule that nobody named would never run."""
    files = {path.stem.replace("_", "-") for path in FOLDER.glob("*.py") if path.stem != "__init__"}
    assert {rule.name for rule in RULES} == files


def test_registry_is_in_order() -> None:
    """By name, each once, so that lists are the same everywhere."""
    names = [rule.name for rule in RULES]
    assert names == sorted(set(names))


@per_rule
def test_rule_introduces_itself(rule: Rule) -> None:
    """Its severity is known, and its summary is one sentence for lists."""
    assert rule.severity in SEVERITIES
    assert "\n" not in rule.summary
    assert rule.summary.endswith(".")
    assert len(rule.summary) <= 100


@per_rule
def test_page_has_all_sections(rule: Rule) -> None:
    """In the same order on every page, none of them empty."""
    assert tuple(sections(rule)) == SECTIONS
    assert all(text.strip() for text in sections(rule).values())


@per_rule
def test_example_is_found(rule: Rule, found) -> None:
    """The rule fires in the program that its page shows as wrong, and says where."""
    findings, failures = found[rule.name, "Example"]
    own = [finding for finding in findings if finding.rule == rule.name]
    assert failures == []
    assert own, f"only found {[finding.rule for finding in findings]}"
    assert all(finding.location is not None for finding in own)
    assert all(finding.help for finding in own)


@per_rule
def test_example_has_short_headlines(rule: Rule, found) -> None:
    """A headline stands alone on a narrow screen."""
    findings, _ = found[rule.name, "Example"]
    assert [one.message for one in findings if one.rule == rule.name and not 10 <= len(one.message) < 100] == []


@per_rule
def test_repair_is_silent(rule: Rule, found) -> None:
    """Nothing is found in the program that the page shows as right."""
    findings, failures = found[rule.name, "Use instead"]
    assert failures == []
    assert [f"{one.rule}: {one.message}" for one in findings if one.severity != "info" or one.rule == rule.name] == []

"""Of several rules that explain one thing the most specific is told, as the order says."""

import ast
from pathlib import Path

import pytest

from gradtrace.diagnosis import evidence, order, rules
from gradtrace.diagnosis.registry import RULES
from gradtrace.model import Finding, Severity


def finding(rule: str, *leaves: int) -> Finding:
    """One that concerns leaves."""
    return Finding(rule, Severity.WARNING, "", leaves=leaves)


@pytest.fixture(autouse=True)
def three_rules(monkeypatch):
    """The first explains more than the second, the second more than the third."""
    monkeypatch.setattr(order, "ORDER", (("first", "second", "third"),))


def told(*findings: Finding) -> list[Finding]:
    """What is left of them."""
    found: dict[str, list[Finding]] = {}
    for one in findings:
        found.setdefault(one.rule, []).append(one)
    return [one for own in order.settled(found).values() for one in own]


def test_a_leaf_is_explained_once():
    """By the first of the rules that read the same fact."""
    first = finding("first", 1, 2)
    assert told(finding("second", 1), first, finding("third", 2)) == [first]


def test_what_concerns_another_leaf_is_told():
    """Also if it concerns one that is explained."""
    both = [finding("first", 1), finding("second", 1, 2)]
    assert told(*both) == both


def test_what_concerns_no_leaf_is_told_only_if_nothing_else_is():
    """Such as the end of a program by an exception."""
    first, last = finding("first"), finding("third")
    assert told(first, last) == [first]
    assert told(last) == [last]


def test_other_rules_are_not_concerned():
    """They read other facts."""
    both = [finding("first", 1), finding("fourth", 1)]
    assert told(*both) == both


def test_every_name_in_the_order_is_a_rule(monkeypatch):
    """And stands there once a group."""
    monkeypatch.undo()
    names = {rule.name for rule in RULES}
    assert order.ORDER
    for group in order.ORDER:
        assert set(group) <= names
        assert len(set(group)) == len(group) > 1


def test_facts_name_no_rule():
    """A fact says what happened; which rule tells it stands in the rule and in the order."""
    names = {rule.name for rule in RULES}
    files = sorted(Path(evidence.__path__[0]).glob("*.py"))
    words = [
        (file.name, node.value)
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert len(files) > 10
    assert words == []


def test_rules_name_no_other_rule_in_their_code():
    """Each tells its own; pages may point to others."""
    names = {rule.name for rule in RULES}
    files = sorted(Path(rules.__path__[0]).glob("*.py"))
    words = [
        (file.stem, node.value)
        for file in files
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in names - {file.stem.replace("_", "-")}
    ]
    assert len(files) > 100
    assert words == []

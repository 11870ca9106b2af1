"""What rules declare that they read of tensors is what they read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import pytest
from guarded_traces import Place, fulfilling, guarded
from shared_recordings import once

from gradtrace.analysis.by_value import by_value
from gradtrace.analysis.coverage import coverage
from gradtrace.cli.main import main
from gradtrace.diagnosis.all_needs import OF_RULES
from gradtrace.diagnosis.diagnose import ALWAYS, diagnose, needs_of
from gradtrace.diagnosis.evidence.numerics import NEEDS
from gradtrace.diagnosis.registry import RULES
from gradtrace.diagnosis.rule import Rule
from gradtrace.launch import Session
from gradtrace.model import Trace
from gradtrace.model.needs import Needs, Statistic, Tensors, need

per_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
Pair = tuple[Tensors, Statistic]


class _UndeclaredError(Exception):
    """Something was read that nobody had declared."""


class _Strict:
    """Lets only declared fields be read, and notes by which need that was allowed."""

    def __init__(self) -> None:
        self.needs: Needs = ()
        self.used: set[Pair] = set()

    def __call__(self, places: tuple[Place, ...], field: str) -> None:
        allowed = fulfilling(self.needs, places, field)
        if not allowed:
            raise _UndeclaredError(f"{field} of {places}")
        self.used |= allowed


def _used(traces: Iterable[Trace], rules: Iterable[Rule]) -> dict[str, set[Pair]]:
    """By rule, and by "" for what is done before any is asked, the declared needs for which something was read."""
    used: dict[str, set[Pair]] = defaultdict(set)
    asked = tuple(rules)
    for trace in traces:
        strict = _Strict()
        strict.needs = ALWAYS
        told = by_value(guarded(trace, strict))
        list(coverage(told))
        used[""] |= strict.used
        for rule in asked:
            strict.needs, strict.used = rule.needs, set()
            list(rule.check(replace(told)))  # another object: what was found out for a rule is remembered
            used[rule.name] |= strict.used
    return used


@pytest.fixture(scope="module")
def used(pages, bugs: list[Trace], tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[Pair]]:
    """What every rule read of the programs of all pages and cases; it fails where that was not declared."""
    return once("needs", lambda: _used([*pages.values(), *bugs], RULES), tmp_path_factory)


def _pairs(needs: Needs) -> set[Pair]:
    return {(one.of, statistic) for one in needs for statistic in one.statistics}


@per_rule
def test_every_declared_need_is_read(rule: Rule, used: dict[str, set[Pair]]) -> None:
    """A need that nothing reads would be measured for nothing; that what is read is declared, the fixture holds."""
    shared = _pairs(NEEDS) if set(NEEDS) <= set(rule.needs) else set()  # read by one of several rules together
    assert _pairs(rule.needs) - shared - used[rule.name] == set()


def test_every_need_of_the_numeric_rules_is_read(used: dict[str, set[Pair]]) -> None:
    """Some programs do not come to the question that needs it: together they do."""
    together = set[Pair]().union(*(used[rule.name] for rule in RULES if set(NEEDS) <= set(rule.needs)))
    assert _pairs(NEEDS) - together == set()


def test_what_is_always_needed_is_read(used: dict[str, set[Pair]]) -> None:
    """Before any rule is asked."""
    assert _pairs(ALWAYS) <= used[""]


def test_undeclared_reading_is_noticed(bugs: list[Trace]) -> None:
    """Otherwise the tests above would hold nothing."""
    thief = replace(next(rule for rule in RULES if rule.name == "dead-relu"), needs=())
    with pytest.raises(_UndeclaredError, match="norm of"):
        _used(bugs, [thief])


def test_nothing_is_found_otherwise_when_only_needs_are_measured(pages: dict[tuple[str, str], Trace]) -> None:
    """No rule fails for want of a number."""
    notes = [note for trace in pages.values() for note in diagnose(trace).run.notes if note.startswith("the rule ")]
    assert notes == []


def test_needs_of_all_rules_are_known_without_loading_them() -> None:
    """Written down, because the program is started before the rules are loaded."""
    assert needs_of(RULES) == OF_RULES


def test_last_rules_need_what_all_rules_need() -> None:
    """They ask whether another rule explains what they tell."""
    last = next(rule for rule in RULES if rule.without is not None)
    assert needs_of([last]) == needs_of(RULES)


@pytest.mark.parametrize(
    ("words", "is_asked"), [((), True), (("--select", "detach-midgraph"), False), (("--select", "dead-relu"), False)]
)
def test_check_asks_for_what_the_selected_rules_need(tmp_path, monkeypatch, words, is_asked: bool) -> None:
    """And for nothing else: what stands around a number that is not finite matters to no rule of these."""
    seen = []
    monkeypatch.setattr(Session, "configure", lambda _session, _target, settings: seen.append(settings.needs))
    program = tmp_path / "program.py"
    program.write_text("", "utf-8")
    monkeypatch.chdir(tmp_path)
    main(["check", *words, str(program)])
    (needs,) = seen
    assert (need(Tensors.TROUBLE, Statistic.FINITE, Statistic.ZEROS, Statistic.EXTREMES) in needs) == is_asked

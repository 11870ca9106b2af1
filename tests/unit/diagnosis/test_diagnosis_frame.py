"""What happens to findings between the rules and the screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePath

import pytest
from builders import at, run

from gradtrace.diagnosis import baseline, ignores
from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.diagnosis.examine import examine, seen_from
from gradtrace.diagnosis.rule import Rule
from gradtrace.diagnosis.selection import Selection, names_in, rule_named
from gradtrace.errors import UsageError
from gradtrace.model import Event, Finding, Location, RelatedLocation, Trace


def rule(name: str, *findings: Finding) -> Rule:
    return Rule(name, "error", "Finds what it is told.", lambda _: iter(findings), "")


def broken(_: Trace) -> Iterator[Finding]:
    raise ZeroDivisionError("of course")


FORGOTTEN, CUT = rule("zero-grad-forgotten"), rule("detach-midgraph")
LINE = at(4, "loss.backward()")


# Running the rules.


def test_findings_are_in_order_of_severity_and_place() -> None:
    """Errors first, then by file and line; the order of the rules does not matter."""
    late, early = Finding("a", "error", "m", at(9, "x")), Finding("b", "error", "m", at(2, "x"))
    mild = Finding("c", "warning", "m", at(1, "x"))
    rules = [rule("c", mild), rule("a", late), rule("b", early)]
    assert diagnose(Trace(run()), rules).findings == (early, late, mild)
    assert diagnose(Trace(run()), rules[::-1]).findings == (early, late, mild)


def test_broken_rule_hides_no_other() -> None:
    """Its failure is a note of the run, which names it."""
    found = Finding("b", "error", "m")
    diagnosed = diagnose(Trace(run()), [Rule("a", "error", "", broken, ""), rule("b", found)])
    assert diagnosed.findings == (found,)
    assert diagnosed.run.notes == ("the rule a failed: ZeroDivisionError: of course (please report)",)


def test_same_finding_is_shown_once() -> None:
    """Two rules, or one rule twice, may come to the same words."""
    found = Finding("b", "error", "m", LINE)
    assert diagnose(Trace(run()), [rule("b", found, found)]).findings == (found,)


def test_files_are_named_as_seen_from_here() -> None:
    """Below the folder relative, elsewhere whole."""
    inside, outside = at(1, "x", file="/home/me/p/net.py"), at(2, "y", file="/home/you/lib.py")
    finding = Finding("a", "error", "m", inside, (RelatedLocation(outside, "there"),))
    near = seen_from(finding, PurePath("/home/me/p"))
    assert near.location is not None
    assert (near.location.file, near.related[0].location.file) == ("net.py", "/home/you/lib.py")


# Which rules are heard.


def test_selection_names_rules() -> None:
    """Only the selected ones, and never the ignored ones."""
    among = (FORGOTTEN, CUT)
    assert Selection().rules(among) == among
    assert Selection(select=("detach-midgraph",)).rules(among) == (CUT,)
    assert Selection(ignore=("detach-midgraph",)).rules(among) == (FORGOTTEN,)


@pytest.mark.parametrize("selection", [Selection(select=("zero-grad",)), Selection(ignore=("zero_grad_forgoten",))])
def test_unknown_name_is_an_error_with_a_suggestion(selection: Selection) -> None:
    """A name with a slip in it would otherwise silence nothing, silently."""
    with pytest.raises(UsageError, match=r"there is no rule 'zero.*'; did you mean zero-grad-forgotten\? All of them"):
        selection.rules((FORGOTTEN, CUT))


def test_rule_is_found_by_its_name() -> None:
    """And a name that is close to none gets no suggestion."""
    assert rule_named("detach-midgraph", (FORGOTTEN, CUT)) is CUT
    with pytest.raises(UsageError, match=r"there is no rule 'x'\. All of them: gradtrace rule --list"):
        rule_named("x", (FORGOTTEN, CUT))


@pytest.mark.parametrize(
    ("severity", "shown"),
    [("error", ["error"]), ("warning", ["error", "warning"]), ("info", ["error", "warning", "info"])],
)
def test_severity_is_the_least_that_is_shown(severity: str, shown: list[str]) -> None:
    """Everything from there on up."""
    findings = [Finding("a", name, "m") for name in ("error", "warning", "info")]
    assert [finding.severity for finding in Selection(severity=severity).shown(findings)] == shown


def test_names_are_separated_by_commas_or_spaces() -> None:
    """Each counts once."""
    assert names_in("a, b,a  c") == ("a", "b", "c")


# Comments.

SOURCE = """\
import torch
loss.backward()  # gradtrace: ignore[zero-grad-forgotten]
text = "# gradtrace: ignore"
opt.step()  # GradTrace: Ignore
f(  # gradtrace:ignore[a,b]
"""


def test_comments_are_read() -> None:
    """With their rules; text in a string is no comment, and a file that does not parse is read as far as it goes."""
    found = list(ignores.ignores_in("train.py", SOURCE))
    assert [(one.location.line, one.rules) for one in found] == [
        (2, ("zero-grad-forgotten",)),
        (4, ()),
        (5, ("a", "b")),
    ]
    assert found[0].location.text == SOURCE.splitlines()[1]
    assert SOURCE.splitlines()[1][found[0].location.column - 1 :] == "# gradtrace: ignore[zero-grad-forgotten]"


def heard(findings: list[Finding], source: str, rules: set[str]) -> list[tuple[str, str]]:
    comments = list(ignores.ignores_in("train.py", source))
    left = ignores.apply(findings, comments, rules, {"a", "b", "unused-ignore"})
    return [(finding.rule, finding.message) for finding in left]


def test_comment_silences_its_line() -> None:
    """The named rules, or all; other lines are heard."""
    findings = [Finding(name, "error", "m", at(line, "x")) for name in "ab" for line in (1, 2)]
    rules = {"a", "b", "unused-ignore"}
    assert heard(findings, "x  # gradtrace: ignore[a]\n", rules) == [("a", "m"), ("b", "m"), ("b", "m")]
    assert heard(findings, "x  # gradtrace: ignore\n", rules) == [("a", "m"), ("b", "m")]


def test_comment_that_silences_nothing_is_reported() -> None:
    """Name by name, and names that no rule has."""
    finding = Finding("a", "error", "m", at(1, "x"))
    assert heard([finding], "x  # gradtrace: ignore[a, b, c]\n", {"a", "b", "unused-ignore"}) == [
        ("unused-ignore", "this comment silences b, which finds nothing here"),
        ("unused-ignore", "this comment silences c, which is no rule"),
    ]
    assert heard([], "x  # gradtrace: ignore\n", {"a", "unused-ignore"}) == [
        ("unused-ignore", "this comment silences every finding, and there is none here")
    ]


def test_comment_of_a_rule_that_was_not_run_is_left_alone() -> None:
    """Nobody knows whether it is of use."""
    assert heard([], "x  # gradtrace: ignore[b]\n", {"a", "unused-ignore"}) == []
    assert heard([], "x  # gradtrace: ignore[b]\n", {"a", "b"}) == []


def test_comments_are_looked_for_where_the_run_was(tmp_path: Path) -> None:
    """In the files of which the trace names a line; a file that is gone has none."""
    here = tmp_path / "train.py"
    here.write_text("opt.step()  # gradtrace: ignore[unused-ignore]\n", "utf-8")
    events = (
        Event(0, "step", 1, location=at(1, "x", file=str(here))),
        Event(1, "step", 1, location=at(1, "x", file="gone")),
    )
    diagnosed = examine(Trace(run(), events=events), Selection(severity="info"), sources=[tmp_path])
    assert [(one.rule, one.location and one.location.file) for one in diagnosed.findings] == [
        ("unused-ignore", str(here))
    ]


def test_other_files_are_not_opened_but_what_the_recording_holds_of_them_counts(tmp_path: Path) -> None:
    """A comment on a line that was recorded silences it; the rest of the file is not looked at."""
    script = tmp_path / "train.py"
    script.write_text("opt.step()  # gradtrace: ignore[a]\nx = 1  # gradtrace: ignore\n")
    (tmp_path / "train.txt").write_text(script.read_text())
    place = Location(str(script), 7, 1, 7, 10, "f", "    opt.step()  # gradtrace: ignore[b]")
    for file, sources in ((script, []), (script, [tmp_path / "sub"]), (tmp_path / "train.txt", [tmp_path])):
        here = replace(place, file=str(file))
        trace = Trace(run(), findings=(Finding("b", "error", "m", here),))
        (only,) = ignores.read(trace, sources)
        assert (only.location.line, only.rules) == (7, ("b",))
        assert only.covers(trace.findings[0])
    (first, second) = ignores.read(
        trace=Trace(run(), findings=(Finding("b", "error", "m", place),)), folders=[tmp_path]
    )
    assert (first.rules, second.rules) == (("a",), ())


# What is known already.


def test_baseline_knows_a_finding_when_its_line_has_moved(tmp_path: Path) -> None:
    """By rule, file and text; a second one of the same text is new."""
    path = tmp_path / "known.json"
    baseline.write(path, [Finding("a", "error", "m", at(4, "  f(x)", file=str(tmp_path / "p.py")))])
    moved = Finding("a", "error", "other words", at(9, "f(x)", file=str(tmp_path / "p.py")))
    other = Finding("b", "error", "m", moved.location)
    assert baseline.new([moved, moved, other], baseline.read(path), tmp_path) == (moved, other)
    assert '"file": "p.py"' in path.read_text("utf-8")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x", "version": 1}', '{"findings": 3}'])
def test_foreign_file_is_no_baseline(tmp_path: Path, text: str) -> None:
    """The error says which file and what to do."""
    path = tmp_path / "known.json"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=r"known.json is no baseline"):
        baseline.read(path)


def test_missing_baseline_is_an_error(tmp_path: Path) -> None:
    """Nothing would be known, and everything would be shown."""
    with pytest.raises(UsageError, match="make it with --write-baseline"):
        baseline.read(tmp_path / "none.json")

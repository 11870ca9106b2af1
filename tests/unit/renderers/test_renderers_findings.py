"""Findings in every format: for people, and for the programs that read them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Annotated, Literal

import builders
import msgspec
import pytest
from builders import at
from rich.cells import cell_len

from gradtrace.model import Blind, BlindSpot, Finding, Leaf, Location, RelatedLocation, Run, Trace
from gradtrace.renderers import registry
from gradtrace.renderers.findings import concise as findings_concise
from gradtrace.renderers.findings import full as findings_full
from gradtrace.renderers.findings import github as findings_github
from gradtrace.renderers.findings import junit as findings_junit
from gradtrace.renderers.findings import sarif as findings_sarif
from gradtrace.renderers.reference import rule_page
from gradtrace.renderers.view_options import ViewContext

BACKWARD = at(19, "    loss.backward()")
STEP = at(20, "    opt.step()")
MODEL = at(
    7,
    "        return torch.sigmoid(self.fc1(x)) * torch.nn.functional.softplus(self.fc2(x), beta=self.beta)",
    "torch.sigmoid(self.fc1(x))",
    file="model.py",
)
FORGOTTEN = Finding(
    "zero-grad-forgotten",
    "error",
    "gradients of 8 passes add up: nobody clears .grad between the steps of opt",
    BACKWARD,
    (
        RelatedLocation(STEP, "takes a step with the sum of all passes so far, which grows and grows"),
        RelatedLocation(MODEL, "saved here"),
        RelatedLocation(BACKWARD, "adds to .grad"),
    ),
    "call opt.zero_grad() once a step, before backward()",
    (0, 1),
    (1, 2, 3, 5),
)
LEAVES = tuple(Leaf(i, name, "parameter", (1,), "float32") for i, name in enumerate(("fc1.weight", "fc1.bias")))
EVIL = "\x00\x1b[31m[red]\ud800\u202e</script>]]>&<![CDATA[%0A,:\"'`|\r\n" * 3
HOSTILE = Finding(
    "zero-grad-forgotten",
    "warning",
    EVIL,
    Location("a b/\udcff#?,:\x1b.py", 3, 2, 3, 9, text=EVIL),
    (RelatedLocation(Location("\x07.py", 1, 99, 4, 2, text="x" * 10_000), EVIL),),
    EVIL,
)
TRACE = Trace(builders.run(facts=True), LEAVES, findings=(FORGOTTEN, Finding("other", "info", "worth knowing")))
NAMES = ("full", "concise", "sarif", "github", "junit")


def run(**fields: object) -> Run:
    """A run of which everything was recorded."""
    return builders.run(facts=True, **fields)


def drawn(name: str, trace: Trace, **options: object) -> str:
    text = registry.find(name, registry.DIAGNOSES).render(trace, context=ViewContext(**options))
    assert isinstance(text, str)
    return text


# For people.

FULL = """\
error[zero-grad-forgotten]: gradients of 8 passes add up: nobody clears .grad
  between the steps of opt
  --> train.py:19:5
   |
19 |     loss.backward()
   |     ^^^^^^^^^^^^^^^ adds to .grad
20 |     opt.step()
   |     ----------
   |     takes a step with the sum of all passes so far, which grows and grows
   |
  ::: model.py:7:16
   |
 7 |         return torch.sigmoid(self.fc1(x)) * torch.nn.functional.softplus...
   |                -------------------------- saved here
   |
   = note: this concerns fc1.weight and fc1.bias
   = note: in passes 1-3, 5
   = help: call opt.zero_grad() once a step, before backward()

info[other]: worth knowing

Found 1 error, 1 note.
  train.py:19  error[zero-grad-forgotten]: gradients of 8 passes add up: nobo...
  (no line)    info[other]: worth knowing
To read more about one: gradtrace rule zero-grad-forgotten
"""


def test_full_reads_like_a_compiler() -> None:
    """Headline, places in all files, carets, labels, notes and help, within 80 columns."""
    assert drawn("full", TRACE) == FULL


@pytest.mark.parametrize("width", [20, 40, 60, 100, 300])
def test_full_keeps_to_the_width(width: int) -> None:
    """From 40 columns on, and hostile text too."""
    lines = drawn("full", Trace(run(), findings=(FORGOTTEN, HOSTILE)), width=width).splitlines()
    assert [line for line in lines if cell_len(line) > max(width, 40) and "-->" not in line] == []


def test_full_has_colours_only_where_they_are_wanted() -> None:
    """And they change nothing else."""
    assert "\x1b" not in drawn("full", TRACE)
    coloured = drawn("full", TRACE, color=True)
    assert "\x1b[1;31merror[zero-grad-forgotten]\x1b[0m" in coloured
    plain = coloured
    for code in {*findings_full._CODES.values(), "0"}:
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == FULL


def test_full_in_ascii() -> None:
    """Characters beyond ASCII become question marks as wide as they were."""
    finding = Finding("a", "error", "größer", at(1, "界 = tanh(x)", "tanh(x)"))
    shown = drawn("full", Trace(run(), findings=(finding,)), ascii_only=True)
    assert shown.isascii()
    assert "1 | ?? = tanh(x)\n  |      ^^^^^^^\n" in shown


def test_carets_stand_under_wide_characters() -> None:
    """Columns count characters, a terminal counts cells."""
    finding = Finding("a", "error", "message", at(1, "界界 = tanh(x)", "tanh(x)"))
    assert "1 | 界界 = tanh(x)\n  |        ^^^^^^^\n" in drawn("full", Trace(run(), findings=(finding,)))


def test_long_line_is_shown_around_its_span() -> None:
    """What the carets point at is always seen."""
    line = "x" * 300 + " + culprit(x) + " + "y" * 300
    shown = drawn("full", Trace(run(), findings=(Finding("a", "error", "message", at(1, line, "culprit(x)")),)))
    source, carets = (line for line in shown.splitlines() if line.startswith(("1 |", "  |     ")))
    start = carets.index("^")
    assert source[start : carets.rindex("^") + 1] == "culprit(x)"
    assert source.startswith("1 | ...")
    assert source.endswith("...")


def test_spans_far_apart_on_one_line_each_show_their_part() -> None:
    """The line stands there once for each part; what is near enough shares one."""
    line = "first(x) + near(x) + " + "y" * 300 + " + last(x)"
    related = tuple(RelatedLocation(at(1, line, word), f"of {word}") for word in ("first(x)", "near(x)"))
    finding = Finding("a", "error", "message", at(1, line, "last(x)"), related)
    shown = drawn("full", Trace(run(), findings=(finding,))).splitlines()
    numbered = [at for at, text in enumerate(shown) if text.startswith("1 |")]
    assert len(numbered) == 2
    for word, source, sign in (("first(x)", 0, "-"), ("near(x)", 0, "-"), ("last(x)", 1, "^")):
        start = shown[numbered[source]].index(word)
        marks = [text[start : start + len(word)] for text in shown[numbered[source] + 1 :]]
        assert sign * len(word) in marks


def test_span_over_several_lines_shows_the_first() -> None:
    """With carets to its end."""
    place = Location("a.py", 3, 5, 5, 2, text="x = f(\n    y,\n)")
    shown = drawn("full", Trace(run(), findings=(Finding("a", "error", "message", place),)))
    assert "3 | x = f(\n  |     ^^\n" in shown


def test_place_without_source_keeps_its_words() -> None:
    """A source that could not be read leaves file, line and label."""
    finding = Finding(
        "a", "error", "message", Location("gone.py", 12), (RelatedLocation(Location("gone.py", 3), "cut"),)
    )
    shown = drawn("full", Trace(run(), findings=(finding,)))
    assert " --> gone.py:12:1\n" in shown
    assert "   | cut\n" in shown
    assert "^" not in shown


@pytest.mark.parametrize(
    ("severities", "summary"),
    [
        ((), "No backward pass ran: there was nothing to check.\n"),
        (("error",), "Found 1 error.\nTo read more about one: gradtrace rule r\n"),
        (
            ("error", "error", "warning"),
            (
                "Found 2 errors, 1 warning.\n  (no line)  error[r]: message\n  (no line)  error[r]: message\n"
                "  (no line)  warning[r]: message\nTo read more about one: gradtrace rule r\n"
            ),
        ),
    ],
)
def test_last_line_counts(severities: tuple[str, ...], summary: str) -> None:
    """Errors, warnings and notes; or that there are none."""
    findings = tuple(Finding("r", severity, "message") for severity in severities)
    assert drawn("full", Trace(run(), findings=findings)).endswith(summary)


# For programs.


def test_concise_is_one_line_for_each() -> None:
    """Place, severity, rule, message."""
    assert drawn("concise", TRACE).splitlines() == [
        f"train.py:19:5: error[zero-grad-forgotten]: {FORGOTTEN.message}",
        "info[other]: worth knowing",
    ]


def test_github_annotates_lines() -> None:
    """One command for each finding, with what a command would act on escaped."""
    first, second = drawn("github", TRACE).splitlines()
    assert first.startswith(
        "::error title=gradtrace%3A zero-grad-forgotten,file=train.py,line=19,col=5,endColumn=20::gradients of 8"
    )
    assert first.endswith("%0Ahelp: call opt.zero_grad() once a step, before backward()")
    assert second == "::notice title=gradtrace%3A other::worth knowing"


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """An object of SARIF 2.1.0 that has nothing but what the standard allows there."""


Positive = Annotated[int, msgspec.Meta(ge=1)]
Level = Literal["none", "note", "warning", "error"]


class Text(Strict):
    text: str
    markdown: str | None = None


class Snippet(Strict):
    text: str


class Region(Strict):
    start_line: Positive
    start_column: Positive
    end_line: Positive | None = None
    end_column: Positive | None = None
    snippet: Snippet | None = None


class ArtifactLocation(Strict):
    uri: Annotated[str, msgspec.Meta(pattern=r"^[\w.~!$&'()*+;=:@/%-]+$")]


class PhysicalLocation(Strict):
    artifact_location: ArtifactLocation
    region: Region


class Place(Strict):
    physical_location: PhysicalLocation
    id: Annotated[int, msgspec.Meta(ge=-1)] = -1
    message: Text | None = None


class Result(Strict):
    rule_id: str
    level: Level
    message: Text
    rule_index: Annotated[int, msgspec.Meta(ge=-1)] = -1
    locations: list[Place] = []
    related_locations: list[Place] = []


class Configuration(Strict):
    level: Level


class ReportingDescriptor(Strict):
    id: str
    short_description: Text
    help: Text
    default_configuration: Configuration


class Driver(Strict):
    name: str
    version: str
    rules: list[ReportingDescriptor]


class Tool(Strict):
    driver: Driver


class Reference(Strict):
    id: str


class Notification(Strict):
    level: Level
    message: Text
    descriptor: Reference


class Invocation(Strict):
    execution_successful: bool
    exit_code: int | None = None
    tool_execution_notifications: list[Notification] = []


class SarifRun(Strict):
    tool: Tool
    invocations: list[Invocation]
    results: list[Result]
    column_kind: Literal["utf16CodeUnits", "unicodeCodePoints"]


class Log(Strict):
    version: Literal["2.1.0"]
    runs: list[SarifRun]
    schema: str = msgspec.field(name="$schema")


class Described(msgspec.Struct, frozen=True):
    name: str
    severity: str
    summary: str
    page: str


RULES = (
    Described("unused", "error", "Finds nothing.", ""),
    Described("zero-grad-forgotten", "error", "Finds sums.", "Finds sums.\n\n## Example\n\n```python\nx = 1\n```\n"),
)


@pytest.mark.parametrize("finding", [FORGOTTEN, HOSTILE, Finding("other", "info", "worth knowing")])
def test_sarif_is_valid(finding: Finding) -> None:
    """Every object has the keys and the types that the standard gives it, whatever the text."""
    text = drawn("sarif", Trace(run(), LEAVES, findings=(finding,)), rules=RULES)
    log = msgspec.json.decode(text.encode("ascii"), type=Log)
    assert log.runs[0].results[0].rule_id == finding.rule


def test_sarif_says_everything() -> None:
    """Level, message with help, place, related places; of the rules only those that are named."""
    log = json.loads(drawn("sarif", TRACE, rules=RULES))
    (one,) = log["runs"]
    result, note = one["results"]
    assert [rule["id"] for rule in one["tool"]["driver"]["rules"]] == ["zero-grad-forgotten"]
    assert (result["ruleIndex"], result["level"], note["level"], "ruleIndex" in note) == (0, "error", "note", False)
    assert result["message"]["text"] == f"{FORGOTTEN.message}\n{FORGOTTEN.help}"
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "train.py"},
        "region": {
            "startLine": 19,
            "startColumn": 5,
            "endLine": 19,
            "endColumn": 20,
            "snippet": {"text": "    loss.backward()"},
        },
    }
    assert [related["message"]["text"] for related in result["relatedLocations"]] == [
        related.message for related in FORGOTTEN.related
    ]


JUNIT = {
    "testsuites": ({"name", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors"}, {"testcase"}),
    "testcase": ({"name", "classname"}, {"failure", "error"}),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
}
"""Attributes and children that the readers of JUnit XML know."""


@pytest.mark.parametrize("findings", [(), (FORGOTTEN,), (HOSTILE, FORGOTTEN)])
def test_junit_is_valid(findings: tuple[Finding, ...]) -> None:
    """Well-formed, with known elements and attributes only, and counts that are right."""
    root = ET.fromstring(drawn("junit", Trace(run(), LEAVES, findings=findings)).encode())
    for element in root.iter():
        attributes, children = JUNIT[element.tag]
        assert set(element.attrib) == attributes
        assert {child.tag for child in element} <= children
    (suite,) = root
    assert int(suite.attrib["tests"]) == len(suite) == max(1, len(findings))
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure")) == len(findings)


def test_info_is_no_failure_in_junit() -> None:
    """It does not count."""
    root = ET.fromstring(drawn("junit", Trace(run(), findings=(Finding("other", "info", "worth knowing"),))))
    assert root.attrib["failures"] == "0"


@pytest.mark.parametrize("name", NAMES)
def test_hostile_text_is_inert(name: str) -> None:
    """No control character, direction mark or half of a pair reaches the reader; lines stay one for each finding."""
    text = drawn(name, Trace(run(), findings=(HOSTILE,)))
    assert all(char.isprintable() or char == "\n" for char in text)
    text.encode("utf-8")
    if name in ("concise", "github"):
        assert len(text.splitlines()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_same_trace_same_bytes(name: str) -> None:
    """Nothing of the day or the machine is in the output."""
    assert drawn(name, TRACE) == drawn(name, TRACE)


# The page of a rule.


def test_page_is_rendered_for_the_terminal() -> None:
    """Headings, wrapped text, programs as they are."""
    rule = Described(
        "r",
        "error",
        "Finds x.",
        "Finds x.\n\n## Example\n\nSee\nthis:\n\n```python\nx  =  1\n\ny\n```\n\n## More\n\n- one\n- two\n",
    )
    assert rule_page.render(rule, rule_page.Options()) == (
        "r (error)\n  Finds x.\n\nExample\n  See this:\n\n    x  =  1\n\n    y\n\nMore\n  - one\n  - two\n"
    )


def test_page_is_markdown_when_asked() -> None:
    """As it was written, below its name."""
    page = rule_page.render(RULES[1], rule_page.Options(markdown=True))
    assert page.startswith("# zero-grad-forgotten\n\n*error*\n\nFinds sums.\n\n## Example\n")


def test_list_has_a_line_for_each_rule() -> None:
    """Name, severity, summary."""
    assert rule_page.render_list(RULES, rule_page.Options()).splitlines() == [
        "unused               error    Finds nothing.",
        "zero-grad-forgotten  error    Finds sums.",
    ]


def test_formats_have_no_options_that_they_ignore() -> None:
    """`check` offers an option only to the formats that take it."""
    for module in (findings_concise, findings_github, findings_junit):
        assert module.Options.__dataclass_fields__ == {}
    assert set(findings_sarif.Options.__dataclass_fields__) == {"rules"}


# What was not looked at.

HIDDEN = Trace(run(blind_spots=(BlindSpot(Blind.FILE_CUT, "it ends\x1b[31m"), BlindSpot(Blind.ASLEEP))), LEAVES)
SAID = "it ends\\x1b[31m; record the program again"


def test_concise_and_github_say_what_was_not_looked_at() -> None:
    """As an error, below the findings; what hides little is a notice."""
    assert drawn("concise", HIDDEN) == f"error[could-not-look]: {SAID}\n"
    first, second = drawn("github", HIDDEN).splitlines()
    assert first == f"::error title=gradtrace%3A could not look::{SAID}"
    assert second.startswith("::notice title=gradtrace%3A not seen::while torch traced")


def test_junit_has_an_error_for_what_was_not_looked_at() -> None:
    """A failure would say that something was found."""
    (suite,) = ET.fromstring(drawn("junit", HIDDEN))
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("1", "0", "1")
    (error,) = suite.findall("testcase/error")
    assert (error.attrib["type"], error.text) == ("file_cut", SAID)


def test_sarif_notifies_of_what_was_not_looked_at() -> None:
    """And the run was no success, though the program ended well."""
    log = msgspec.json.decode(drawn("sarif", HIDDEN), type=Log)
    (invocation,) = log.runs[0].invocations
    assert (invocation.execution_successful, invocation.exit_code) == (False, 0)
    told = [(one.level, one.descriptor.id) for one in invocation.tool_execution_notifications]
    assert told == [("error", "file_cut"), ("note", "asleep")]


def test_json_says_what_was_not_looked_at() -> None:
    """With how grave it is, and what to do."""
    cut, asleep = json.loads(registry.find("json", registry.DIAGNOSES).render(HIDDEN))["run"]["blind_spots"]
    assert (cut["reason"], cut["severity"], cut["open"]) == ("file_cut", "partial", True)
    assert (cut["message"], cut["help"]) == ("it ends\\x1b[31m", "record the program again")
    assert (asleep["reason"], asleep["open"]) == ("asleep", False)


def test_a_cell_of_a_notebook_is_told_in_words_where_tools_know_only_files() -> None:
    """GitHub and SARIF point to the file's first line; for people the cell is part of the name."""
    place = Location("train.ipynb:cell 6", 3, 5, 3, 20, text="    loss.backward()")
    finding = Finding("zero-grad-forgotten", "error", "never cleared", place, (RelatedLocation(place, "here"),))
    trace = Trace(run(), LEAVES, findings=(finding,))
    assert drawn("github", trace) == (
        "::error title=gradtrace%3A zero-grad-forgotten,file=train.ipynb,line=1::cell 6, line 3: never cleared"
        "%0Atrain.ipynb:cell 6:3: here\n"
    )
    (result,) = json.loads(drawn("sarif", trace, rules=RULES))["runs"][0]["results"]
    physical = {"artifactLocation": {"uri": "train.ipynb"}, "region": {"startLine": 1}}
    assert result["message"]["text"] == "cell 6, line 3: never cleared"
    assert result["locations"] == [{"physicalLocation": physical}]
    (related,) = result["relatedLocations"]
    assert (related["physicalLocation"], related["message"]["text"]) == (physical, "cell 6, line 3: here")
    assert drawn("concise", trace) == "train.ipynb:cell 6:3:5: error[zero-grad-forgotten]: never cleared\n"

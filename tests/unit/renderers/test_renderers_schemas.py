"""What is written is what the JSON Schemas promise, and nothing else."""

import dataclasses
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import at
from golden_files import TRACES
from jsonschema import Draft202012Validator
from shared_recordings import traces

from gradtrace.analysis.reasons import why
from gradtrace.diagnosis.examine import examine
from gradtrace.diagnosis.selection import Selection
from gradtrace.errors import UsageError
from gradtrace.model import Finding, Move, Severity, Trace, everything
from gradtrace.recording.records import AnyRecord
from gradtrace.renderers import registry, schemas
from gradtrace.renderers.document import facts
from gradtrace.renderers.document.trace import Options, render
from gradtrace.renderers.findings import document as check
from gradtrace.renderers.why.reason import Options as WhyOptions
from gradtrace.renderers.why.reason import render as render_answer

BUGS = Path(__file__).resolve().parents[2] / "cases" / "bugs"
NUMBERS = ("05", "19", "27", "31", "45", "49", "60", "70", "97")
PROGRAMS = [path for path in sorted(BUGS.glob("*.py")) if path.name.partition("_")[0] in NUMBERS]
SCHEMAS = {one.name: one.schema() for one in schemas.DOCUMENTS}
SNAPSHOTS = Path(__file__).resolve().parents[2] / "golden" / "__snapshots__" / "test_golden_texts"


def valid(name: str, text: str) -> dict[str, Any]:
    """The document, if it is as its schema says."""
    document: dict[str, Any] = json.loads(text)
    problems = [
        f"{one.json_path}: {one.message[:200]}" for one in Draft202012Validator(SCHEMAS[name]).iter_errors(document)
    ]
    assert problems == []
    return document


def objects(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((name, part) for name, part in schema["$defs"].items() if part.get("type") == "object")


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_one(name: str) -> None:
    """By the dialect that it names; its title and id say which version of which document it is about."""
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert re.fullmatch(rf"urn:{schemas.find(name).format}:\d+\.\d+", SCHEMAS[name]["$id"])


@pytest.mark.parametrize("name", ["trace", "check", "why", "diff", "norms", "memory"])
def test_every_key_has_a_meaning_and_no_other_is_allowed(name: str) -> None:
    """A field without a line under `Attributes`, and a line there without a field, are mistakes."""
    for kind, part in objects(SCHEMAS[name]):
        assert part["additionalProperties"] is False, kind
        assert [key for key, value in part["properties"].items() if not value.get("description")] == [], kind
        assert part["description"], kind


OTHERWISE = {
    "BlindSpot": {"text"},  # in `message`
    "Run": {"n_processes"},  # `processes`
    "StepFact": {"number", "began_after", "changes", "n_others"},  # its position, `own_passes`, `parameters`, `others`
    "ParameterChange": {"n_moved_rows"},  # `moved_rows`
    "Graph": {"storages"},  # in the document of memory, as the two of a saved tensor
    "SavedTensor": {"owner", "owner_kind"},
    "Node": {"recomputed"},  # `recomputed` of each op of its region, and `not_recomputed`
    "RecordedProcess": {"number", "pid"},  # `process`; a number of the operating system means nothing later on
    "Trace": {"whole"},  # a document is about all ranks, or about one
}
"""Fields that a document has under another name."""

NO_PARTS = {"TensorSpec", "ParameterGroup", "Storages", "Recomputed"}
"""A spec stands where its tensor does, a param group is its numbers by name, storages are the document of memory, what
was recomputed stands at each op."""

SHOWN_AS = {
    "OptimizerInfo": "Optimizer",
    "BackwardPass": "Pass",
    "StepFact": "Step",
    "TensorStats": "Statistics",
    "RecordedProcess": "Rank",
}


def test_everything_that_the_model_knows_has_a_key() -> None:
    """A fact that is added to the model is added to the document, or stands above with the reason."""
    parts = dict(SCHEMAS["trace"]["$defs"])
    parts["Trace"] = {"properties": parts["TraceDocument"]["properties"] | parts["Facts"]["properties"]}
    renamed = {"pass_index": "pass", "is_open": "open", "is_skipped": "skipped"}
    renamed |= {"n_ranks": "ranks", "is_sharded": "sharded", "has_ended": "ended"}
    missing = {}
    for name in everything.__all__:
        kind = getattr(everything, name)
        if dataclasses.is_dataclass(kind) and name not in NO_PARTS:
            keys = parts[SHOWN_AS.get(name, name)]["properties"]
            fields = {field.name for field in dataclasses.fields(kind)}
            missing[name] = {one for one in fields if renamed.get(one, one) not in keys} - OTHERWISE.get(name, set())
    assert {name: fields for name, fields in missing.items() if fields} == {}


@pytest.mark.parametrize("name", [one for one in dir(builders) if one.endswith("_trace")])
def test_every_trace_is_as_its_schema_says(name: str) -> None:
    """The whole document, and the small one of a diagnosis with and without it."""
    trace = getattr(builders, name)()
    whole = valid("trace", render(trace, Options()))
    valid("check", check.render(trace, check.Options()))
    assert valid("check", check.render(trace, check.Options(graphs=True)))["trace"] == whole
    if trace.passes:
        valid("why", render_answer(why(trace, "*"), WhyOptions(format="json")))


@pytest.mark.parametrize("name", TRACES)
def test_golden_documents_are_as_the_schema_says(name: str) -> None:
    """What is kept byte by byte is what is promised."""
    valid("trace", (SNAPSHOTS / f"test_json[{name}].json").read_text("utf-8"))


def test_documents_of_programs_are_as_their_schemas_say(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Recorded for a diagnosis: steps, cuts, findings, conflicts, what was not finite, and names without a graph."""
    seen: set[str] = set()
    for trace in traces(PROGRAMS, tmp_path_factory):
        examined = examine(trace, Selection(severity=Severity.INFO))
        document = valid("trace", render(examined, Options()))
        valid("check", check.render(examined, check.Options()))
        valid("why", render_answer(why(examined, "*"), WhyOptions(format="json")))
        seen.update(key for key, rows in (*document.items(), *document["facts"].items()) if rows)
        if any(one["error"] and one["error"]["conflict"] for one in document["passes"]):
            seen.add("conflict")
    assert {"steps", "cuts", "findings", "events", "bystanders", "variables", "conflict"} <= seen
    assert {"non_finite", "holders", "module_facts"} <= seen


def test_facts_are_bounded_and_the_rest_is_counted() -> None:
    """A leaf that is moved by hand in each of a million passes does not make a document of them."""
    moves = tuple(Move(leaf=0, pass_index=number, change=float("inf")) for number in range(facts.MOST + 7))
    document = valid("trace", render(replace(builders.product_trace(), moves=moves), Options()))
    assert len(document["facts"]["moves"]) == facts.MOST
    assert document["facts"]["moves"][0]["change"] == "inf"
    assert document["facts"]["omitted"] == {"moves": 7}


def test_check_document_is_bounded_and_the_rest_is_counted() -> None:
    """However many findings there are, and however many leaves they concern."""
    (leaf,) = builders.product_trace().leaves[:1]
    leaves = tuple(replace(leaf, id=number, name=f"w{number}") for number in range(150))
    finding = Finding("stale-gradient", Severity.ERROR, "w", at(1, "w"), leaves=tuple(range(150)), passes=(1,))
    trace = replace(builders.product_trace(), leaves=leaves, findings=(finding,) * 120)
    document = valid("check", check.render(trace, check.Options()))
    assert (len(document["findings"]), len(document["leaves"])) == (100, 100)
    assert len(document["findings"][0]["leaves"]) == 100
    assert document["omitted"] == {"findings": 20, "leaves": 50}
    assert document["counts"]["errors"] == 120


def test_verdict_tells_nothing_found_from_could_not_look() -> None:
    """A finding counts more than what was not looked at; `info` is no finding."""
    recorded = builders.product_trace()
    seen = replace(recorded, run=replace(recorded.run, facts=True))
    note = Finding("unused-ignore", Severity.INFO, "x")

    def verdict(trace: Trace) -> dict[str, Any]:
        found: dict[str, Any] = valid("check", check.render(trace, check.Options()))["verdict"]
        return found

    assert verdict(recorded)["answer"] == "could_not_look"
    assert verdict(recorded)["reasons"] == ["the recording was made without facts, which most rules need"]
    assert verdict(replace(seen, findings=(note,)))["answer"] == "nothing_found"
    assert verdict(replace(recorded, findings=(replace(note, severity=Severity.WARNING),)))["answer"] == "found"


def test_lines_of_a_recording_are_as_the_schema_says() -> None:
    """Each kind of line has its own part, told apart by `t`."""
    kinds = {record.__struct_config__.tag for record in AnyRecord.__args__}
    parts = [SCHEMAS["recording"]["$defs"][one["$ref"].rpartition("/")[2]] for one in SCHEMAS["recording"]["anyOf"]]
    assert {tag for part in parts for tag in part["properties"]["t"]["enum"]} == kinds


def test_check_has_a_document_of_its_own() -> None:
    """By name and by suffix; other commands write the whole trace under the same name."""
    assert registry.find("json", registry.DIAGNOSES).module == "findings.document"
    assert registry.for_file(Path("found.JSON"), registry.DIAGNOSES).module == "findings.document"
    assert registry.find("json", registry.PICTURES) is registry.find("json", registry.STORIES)


def test_unknown_schema_is_refused() -> None:
    """With the names that there are."""
    with pytest.raises(
        UsageError, match="there is no schema 'x': choose trace, check, why, diff, norms, memory, recording"
    ):
        schemas.find("x")

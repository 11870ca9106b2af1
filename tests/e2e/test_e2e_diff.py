"""`gradtrace diff` on programs with a mistake and their repaired twins."""

import json
from pathlib import Path

import forked_runs
import pytest
from jsonschema import Draft202012Validator

from gradtrace.cli.main import main
from gradtrace.renderers import schemas

CASES = Path(__file__).parents[1] / "cases"
SCHEMA = Draft202012Validator(schemas.find("diff").schema())

PAIRS = {
    "05_detach_midgraph": ("graph", 18, 18, "in OLD detach()"),
    "31_zero_grad_forgotten": ("event", None, 17, "NEW clears gradients by SGD.zero_grad"),
    "35_accum_not_divided": ("graph", None, 17, "only NEW has div"),
    "61_step_before_backward": ("value", 16, 23, "is the first to give another value"),
    "70_sqrt_at_zero": ("graph", None, 14, "only NEW has add"),
    "104_deepcopy_nonleaf": ("error", 34, None, "the program fails in OLD only"),
}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two recordings of each pair, by name and kind."""
    folder = tmp_path_factory.mktemp("pairs")
    programs = {(name, kind): CASES / kind / f"{name}.py" for name in PAIRS for kind in ("bugs", "fixed")}
    files = {key: folder / f"{key[0]}_{key[1]}.gtrace" for key in programs}
    list(forked_runs.record(list(programs.values()), list(files.values())))
    return files


def _diff(capsys, *words):
    status = main(["diff", *map(str, words)])
    return status, capsys.readouterr()


@pytest.mark.parametrize("name", PAIRS)
def test_where_a_mistake_and_its_repair_part(name, recordings, capsys):
    """At the line that was changed, or at the first that shows it."""
    kind, old, new, words = PAIRS[name]
    status, said = _diff(capsys, recordings[name, "bugs"], recordings[name, "fixed"], "-f", "json")
    document = json.loads(said.out)
    first = document["first"]
    lines = [place["line"] if place is not None else None for place in (first["old"], first["new"])]
    assert (status, first["kind"], *lines) == (1, kind, old, new)
    assert words in first["message"]
    assert not document["equal"]
    assert [problem.message for problem in SCHEMA.iter_errors(document)] == []


def test_the_report_for_people(recordings, capsys):
    """The first difference first; then gradients, the history of `.grad`, and what a diagnosis finds in one of them."""
    name = "31_zero_grad_forgotten"
    status, said = _diff(capsys, recordings[name, "bugs"], recordings[name, "fixed"])
    assert status == 1
    parts = [
        "Where they part first",
        "optimizer.zero_grad()",
        "What happened to .grad",
        "never zeroed",
        "zero-grad-forgotten",
    ]
    positions = [said.out.find(part) for part in parts]
    assert -1 not in positions, said.out
    assert positions == sorted(positions)


def test_equal_runs(recordings, capsys):
    """The status says it, and `--stat` too."""
    same = recordings["70_sqrt_at_zero", "fixed"]
    for option in ((), ("--stat",)):
        status, said = _diff(capsys, same, same, *option)
        assert status == 0
        assert "No difference" in said.out


def test_how_much_differs(recordings, capsys):
    """A line for each kind."""
    status, said = _diff(
        capsys, recordings["05_detach_midgraph", "bugs"], recordings["05_detach_midgraph", "fixed"], "--stat"
    )
    assert status == 1
    assert "nodes only in OLD" in said.out
    assert "Where they part first" not in said.out


def test_what_cannot_be_compared(tmp_path, recordings, capsys):
    """Status 2, and what to do."""
    status, said = _diff(capsys, tmp_path / "no.py", recordings["70_sqrt_at_zero", "fixed"])
    assert status == 2
    assert "no.py" in said.err
    status, said = _diff(capsys, recordings["70_sqrt_at_zero", "fixed"])
    assert status == 2
    assert "NEW" in said.err


def test_scripts_show_what_differs_in_their_source(tmp_path, capsys):
    """They are run one after the other, what they print goes to stderr, and the changed line comes first."""
    lines = ["import torch", "w = torch.ones(2, requires_grad=True)", "(w * 2).sum().backward()", "print('ran')"]
    old, new = tmp_path / "old.py", tmp_path / "new.py"
    old.write_text("\n".join(lines), "utf-8")
    new.write_text("\n".join(lines).replace("w * 2", "w * 3"), "utf-8")
    status, said = _diff(capsys, old, new)
    assert status == 1
    report = said.out
    assert report.index("What differs in the source") < report.index("Where they part first")
    assert "(w * 3).sum().backward()" in report
    assert "[2, 2]" in report
    assert "[3, 3]" in report
    assert "ran" not in report

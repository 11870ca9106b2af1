"""The worksheet: what its page shows is what gradtrace says today, and its numbers are those of plain torch."""

import contextlib
import io
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import shared_recordings
import torch

from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Trace
from gradtrace.renderers.explain import explanation
from gradtrace.renderers.findings import full

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted((ROOT / "examples" / "worksheet").glob("*.py"))
PAGE = (ROOT / "docs" / "worksheet.md").read_text("utf-8")
_ANSWER = re.compile(
    r"^```text\n\$ gradtrace (explain|check) (\w+)\.py( --pass \d+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
ANSWERS = _ANSWER.findall(PAGE)


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trace]:
    """What each program does, and what is wrong with it."""
    found = shared_recordings.traces(PROGRAMS, tmp_path_factory)
    return {program.stem: diagnose(trace) for program, trace in zip(PROGRAMS, found, strict=True)}


def _value(nested: Any) -> torch.Tensor:
    return torch.tensor(nested, dtype=torch.float64)


def _ran(program: Path) -> dict[str, Any]:
    """The names of a program that was run by plain torch, up to where it fails."""
    names: dict[str, Any] = {}
    code = compile(program.read_text("utf-8"), str(program), "exec")
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.suppress(RuntimeError, TypeError),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        exec(code, names)
    return names


def test_every_program_has_a_question() -> None:
    """The page asks about each, and about nothing else."""
    assert len(PROGRAMS) == 30
    assert sorted(re.findall(r"^<!-- \w+ (\w+)\.py", PAGE, re.MULTILINE)) == sorted(one.stem for one in PROGRAMS)
    for program in PROGRAMS:
        assert program.read_text("utf-8").rstrip() in PAGE


def test_the_page_is_what_is_said(traces: dict[str, Trace]) -> None:
    """Line by line; where a program lies is left out, for it differs."""
    for command, name, which, shown in ANSWERS:
        index = int(which.split()[-1]) if which else None
        if command == "explain":
            said = explanation.render(
                traces[name], explanation.Options(pass_index=index, width=100, is_explained=True, is_examined=True)
            )
        else:
            said = full.render(traces[name], full.Options(width=100))
        lines = {line.strip() for line in said.splitlines()}
        wanted = {line.strip() for line in shown.splitlines() if "-->" not in line} - {"…"}
        assert wanted <= lines, name
    assert len(ANSWERS) == 29


def test_the_numbers_are_those_of_plain_torch(traces: dict[str, Trace]) -> None:
    """Each `.grad` that a program leaves behind, and each value of a parameter, is the last one that was recorded."""
    n_compared = 0
    for program in PROGRAMS:
        trace, names = traces[program.stem], _ran(program)
        owned = {
            f"{name}.{own}" if name not in {"model", "layer", "critic", "net", "cell"} else own: parameter
            for name, module in names.items()
            if isinstance(module, torch.nn.Module)
            for own, parameter in module.named_parameters()
        }
        tensors = owned | {name: one for name, one in names.items() if isinstance(one, torch.Tensor) and one.is_leaf}
        last = {row.leaf: row.after for one in trace.passes if one.error is None for row in one.accumulations}
        changed = {leaf for event in trace.events if event.kind == "grad_modified" for leaf in event.leaves}
        for leaf in trace.leaves:
            stats, tensor = last.get(leaf.id), tensors.get(leaf.name)
            if stats is None or stats.value is None or tensor is None or tensor.grad is None or leaf.id in changed:
                continue
            torch.testing.assert_close(_value(stats.value), tensor.grad.double(), equal_nan=True, msg=program.name)
            n_compared += 1
        for step in trace.steps[-1:]:
            for change in step.changes:
                tensor = tensors.get(trace.leaves[change.leaf].name)
                if tensor is not None and change.value_after is not None and trace.run.status == 0:
                    torch.testing.assert_close(_value(change.value_after), tensor.detach().double(), msg=program.name)
                    n_compared += 1
    assert n_compared >= 30

"""Numbers that are not finite, and losses that compute something else: found in many dresses, else silence.

The programs stand in `tests/programs/numbers`: those in `found` are called after the rule that is to find something at
the lines marked `# here`, and nothing else is to be found there but what is listed.
"""

from __future__ import annotations

from pathlib import Path

import forked_runs
import pytest

from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Finding, Severity

PROGRAMS = Path(__file__).parents[1] / "programs" / "numbers"
FOUND = sorted((PROGRAMS / "found").glob("*.py"))
QUIET = sorted((PROGRAMS / "quiet").glob("*.py"))
ALSO = {"not-finite__half": {"half-precision-underflow"}}
"""True as well."""


@pytest.fixture(scope="module")
def findings() -> dict[Path, list[Finding]]:
    """What is said of each program, but for suspicions."""
    programs = [*FOUND, *QUIET]
    traces = forked_runs.record(programs)
    return {
        program: [one for one in diagnose(trace).findings if one.severity != Severity.INFO]
        for program, trace in zip(programs, traces, strict=True)
    }


@pytest.mark.parametrize("program", FOUND, ids=lambda path: path.stem)
def test_fault_is_found_at_its_line(program: Path, findings: dict[Path, list[Finding]]) -> None:
    """By its rule, with help, and by no other."""
    rule = program.stem.partition("__")[0]
    lines = program.read_text("utf-8").splitlines()
    marked = {number for number, line in enumerate(lines, start=1) if line.endswith("# here")}
    own = [one for one in findings[program] if one.rule == rule]
    assert {one.location.line for one in own if one.location is not None} == marked
    assert all(one.help for one in own)
    assert {one.rule for one in findings[program]} <= {rule, *ALSO.get(program.stem, ())}


@pytest.mark.parametrize("program", QUIET, ids=lambda path: path.stem)
def test_sound_program_is_left_alone(program: Path, findings: dict[Path, list[Finding]]) -> None:
    """No error and no warning, however near to a fault it comes."""
    assert [(one.rule, one.message) for one in findings[program]] == []

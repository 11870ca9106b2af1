"""What `gradtrace check` says of whole programs: mistakes are found, and of what works nothing is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from shared_recordings import recordings

sys.path.insert(0, str(Path(__file__).parent))

from programs import Program, cases, pointing, reports, serious, sound, told

from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Blind
from gradtrace.recording import load

PROGRAMS = [one for one in (*cases(), *reports(), *sound()) if one.needs is None]
FAILURES = {Blind.RECORDER_FAILED, Blind.OBSERVATION_FAILED}
FAULTY = [one for one in PROGRAMS if one.lines]
SOUND = [one for one in PROGRAMS if not one.lines]


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """The recording of each program, by its path."""
    files = recordings([one.file for one in PROGRAMS], tmp_path_factory)
    return {one.path: file for one, file in zip(PROGRAMS, files, strict=True)}


@pytest.mark.parametrize("program", FAULTY, ids=lambda one: one.name)
def test_a_mistake_is_found(program: Program, recorded: dict[Path, Path]) -> None:
    """Some rule that may name it points at one of its lines; where none does yet, the index says why."""
    findings = diagnose(load(recorded[program.path])).findings
    is_found = bool(pointing(program, findings))
    if program.missed is None:
        assert is_found, f"one of {program.rules} at {program.lines} is lost:\n{told(findings)}"
    else:
        assert not is_found, f'it is found now: take its "missed" away\n{told(findings)}'


@pytest.mark.parametrize("program", SOUND, ids=lambda one: one.name)
def test_nothing_is_said_of_a_program_that_works(program: Program, recorded: dict[Path, Path]) -> None:
    """No error and no warning, no rule that fails, and the recorder saw it to its end."""
    trace = diagnose(load(recorded[program.path]))
    findings = serious(trace.findings)
    assert trace.run.status in {0, None}
    assert [note for note in trace.run.notes if note.startswith("the rule ")] == []
    assert [one.text for one in trace.run.blind_spots if one.reason in FAILURES] == []
    assert {one.rule for one in findings} == set(program.allowed), told(findings)

"""The programs that the pages of the rules show, each run and recorded once."""

from __future__ import annotations

from pathlib import Path

import forked_runs
import pytest
from rule_programs import program

from gradtrace.diagnosis.registry import RULES
from gradtrace.model import Trace

CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Trace]:
    """What was recorded of the programs of all pages, by rule and section."""
    folder = tmp_path_factory.mktemp("pages")
    programs: dict[tuple[str, str], Path] = {}
    for rule in RULES:
        for section, name in (("Example", "example"), ("Use instead", "repair")):
            path = folder / f"{rule.name.replace('-', '_')}_{name}.py"
            path.write_text(program(rule, section), "utf-8")
            programs[rule.name, section] = path
    return dict(zip(programs, forked_runs.record(list(programs.values())), strict=True))


@pytest.fixture(scope="session")
def bugs() -> list[Trace]:
    """What was recorded of the programs with a mistake."""
    return list(forked_runs.record(sorted((CASES / "bugs").glob("*.py"))))

"""The programs that the pages of the rules show, each run and recorded once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rule_programs import program
from shared_recordings import shared_folder, traces

from gradtrace.diagnosis.registry import RULES
from gradtrace.model import Trace

CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Trace]:
    """What was recorded of the programs of all pages, by rule and section."""
    folder = shared_folder(tmp_path_factory) / "pages"
    folder.mkdir(exist_ok=True)
    programs: dict[tuple[str, str], Path] = {}
    for rule in RULES:
        for section, name in (("Example", "example"), ("Use instead", "repair")):
            path = folder / f"{rule.name.replace('-', '_')}_{name}.py"
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_text(program(rule, section), "utf-8")
            draft.replace(path)  # another worker may be reading it
            programs[rule.name, section] = path
    return dict(zip(programs, traces(list(programs.values()), tmp_path_factory), strict=True))


@pytest.fixture(scope="session")
def bugs(tmp_path_factory: pytest.TempPathFactory) -> list[Trace]:
    """What was recorded of the programs with a mistake."""
    return traces(sorted((CASES / "bugs").glob("*.py")), tmp_path_factory)

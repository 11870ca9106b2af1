"""Freezing that does not freeze or never ends, and copies that are none: programs with the fault, and sound ones."""

from __future__ import annotations

from pathlib import Path

import forked_runs
import pytest

from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Finding, Severity

PROGRAMS = Path(__file__).parent / "frozen"
WRONG = {
    "critic_never_unfrozen": ("never-unfrozen", 17),
    "discriminator_never_unfrozen": ("never-unfrozen", 14),
    "misspelt_late": ("requires-grad-misspelt", 16),
    "misspelt_unfreeze": ("requires-grad-misspelt", 7),
    "module_attribute": ("requires-grad-misspelt", 15),
    "teacher_in_train_mode": ("batchnorm-of-frozen-moves", 13),
    "frozen_state": ("requires-grad-misspelt", 8),
    "backbone_without_grad": ("batchnorm-of-frozen-moves", 5),
    "best_on_cpu": ("copy-shares-storage", 16),
    "proximal_term": ("copy-shares-storage", 8),
    "restore_data": ("copy-shares-storage", 8),
    "target_is_online": ("copy-shares-storage", 14),
    "frozen_moves": ("moves-without-gradient", 10),
    "gradient_zeroed": ("moves-without-gradient", 12),
    "gradient_zeroed_and_clipped": ("moves-without-gradient", 12),
    "hook_masks_rows": ("moves-without-gradient", 10),
    "pruned_once": ("mask-applied-once", 21),
    "rows_zeroed": ("moves-without-gradient", 10),
}
"""By program: the rule that finds the fault, and a line that it names."""
SOUND = sorted(path.stem for path in PROGRAMS.glob("sound_*.py"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Finding, ...]]:
    """What the rules find in each program."""
    paths = [PROGRAMS / f"{name}.py" for name in (*WRONG, *SOUND)]
    recordings = [tmp_path_factory.mktemp("frozen") / f"{path.stem}.gtrace" for path in paths]
    traces = forked_runs.record(paths, recordings)
    return {path.stem: diagnose(trace).findings for path, trace in zip(paths, traces, strict=True)}


@pytest.mark.parametrize("name", sorted(WRONG))
def test_the_fault_is_found(found: dict[str, tuple[Finding, ...]], name: str) -> None:
    """One finding names the line, and nothing else is complained of."""
    rule, line = WRONG[name]
    told = [finding for finding in found[name] if finding.severity != Severity.INFO]
    assert [finding.rule for finding in told] == [rule]
    places = [told[0].location, *(related.location for related in told[0].related)]
    assert line in [place.line for place in places if place is not None]


@pytest.mark.parametrize("name", SOUND)
def test_sound_programs_are_quiet(found: dict[str, tuple[Finding, ...]], name: str) -> None:
    """The same idioms, meant so."""
    assert [finding for finding in found[name] if finding.severity != Severity.INFO] == []

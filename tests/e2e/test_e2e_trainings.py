"""Trainings of all kinds end in the same bits, traced or not."""

from pathlib import Path

import pytest
from bare_and_traced import FULL, batches, differences, programs_of

TRAININGS = programs_of(Path(__file__).parent.parent / "trainings")
SHARED = [one for one in TRAININGS if not one.is_alone and "imports" not in one.wishes]


@pytest.mark.parametrize(
    "programs", batches(TRAININGS, 20), ids=lambda batch: f"{batch[0].name} and {len(batch) - 1} more"
)
def test_trainings_end_in_the_same_bits(programs, tmp_path):
    """Weights, buffers, gradients and random states."""
    found = differences(programs, folder=tmp_path)

    assert not found, "".join(f"\n{name}\n{text}" for name, text in found.items())


def test_trainings_end_in_the_same_bits_when_everything_is_recorded(tmp_path):
    """Every pass, with every statistic and all facts."""
    found = differences(SHARED, FULL, folder=tmp_path)

    assert not found, "".join(f"\n{name}\n{text}" for name, text in found.items())


def test_there_is_a_training_of_every_kind():
    """Thirty at least."""
    assert len(TRAININGS) >= 30

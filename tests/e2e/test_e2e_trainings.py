"""Trainings of all kinds end in the same bits, traced or not."""

import subprocess
import sys
from pathlib import Path

import pytest
from bare_and_traced import FULL, batches, differences, programs_of

from gradtrace.recording import load

FOLDER = Path(__file__).parent.parent / "trainings"
TRAININGS = programs_of(FOLDER)
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


def test_passes_of_several_threads_are_in_the_file_once(tmp_path):
    """They end together, and between each other's events."""
    recording = tmp_path / "run.gtrace"
    command = [sys.executable, "-m", "gradtrace", "record", "-q", "-o", recording, FOLDER / "threads.py"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=120)

    assert sum(one.count for one in load(recording).passes) == 120

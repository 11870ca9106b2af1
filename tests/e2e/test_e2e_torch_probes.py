"""The program cannot tell that it is traced, whatever it does with torch."""

from pathlib import Path

import pytest
from bare_and_traced import batches, differences, programs_of

PROBES = programs_of(Path(__file__).parent.parent / "torch_probes")
BATCHES = batches([one for one in PROBES if not one.is_slow], 12)


@pytest.mark.parametrize("programs", BATCHES, ids=lambda batch: f"{batch[0].name} and {len(batch) - 1} more")
def test_torch_programs_see_the_same_world_with_and_without_us(programs, tmp_path):
    """What a program prints of modes, hooks, counts, frames, copies, compiled code and errors is the same below us."""
    found = differences(programs, folder=tmp_path)

    assert not found, "".join(f"\n{name}\n{text}" for name, text in found.items())


def test_each_probe_says_what_it_looks_at():
    """The docstring is what a reader of a failure has to go by."""
    assert len(PROBES) > 60
    assert [one.name for one in PROBES if not one.path.read_text("utf-8").startswith('"""')] == []

"""torch.compile makes the same graphs, for the same reasons, with the same numbers, traced or not."""

from pathlib import Path

import pytest
from bare_and_traced import batches, differences, programs_of

WAYS = [one for one in programs_of(Path(__file__).parent.parent / "compiled") if not one.is_slow]


@pytest.mark.parametrize("ways", batches(WAYS, 6), ids=lambda ways: " ".join(one.name for one in ways))
def test_compiled_programs_are_the_same(ways, tmp_path):
    """Unique graphs, breaks by reason, recompiles, frames; weights, gradients and random state to the last bit."""
    found = differences(ways, folder=tmp_path)

    assert not found, "".join(f"\n{name}\n{text}" for name, text in found.items())

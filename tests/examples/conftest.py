"""Examples run once for all tests and all workers."""

from __future__ import annotations

import example_runs
import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    example_runs.SHARED_BY[:] = [tmp_path_factory]

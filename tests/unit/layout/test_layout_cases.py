"""The cases that hold the Python and the TypeScript engine to the same positions are those of the Python engine."""

import json
from typing import Any

import pytest
from layout_cases import FILE, cases


def _flat(numbers: Any) -> list[Any]:
    return [one for item in numbers for one in (_flat(item) if isinstance(item, list) else [item])]


def test_layout_cases_are_fresh() -> None:
    """`python tests/layout_cases.py` writes the file that `web/tests/layout.test.ts` reads."""
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    fresh = json.loads(json.dumps(cases()))

    assert [case["name"] for case in kept] == [case["name"] for case in fresh]
    for old, new in zip(kept, fresh, strict=True):
        assert old["graph"] == new["graph"], old["name"]
        for part in ("size", "positions", "labels", "routes"):
            assert _flat(old[part]) == pytest.approx(_flat(new[part]), abs=2e-4), f"{old['name']}: {part}"

"""The table of keys in `docs/command-line.md`, made from the settings that are read."""

from __future__ import annotations

from typing import get_type_hints

from generated_part import remade

from gradtrace.project.settings import ProjectSettings, keys, meaning

BEGIN = "<!-- generated from gradtrace/project/settings.py by docs/build.py -->\n"
END = "<!-- end of the keys -->\n"


def refresh(page: str) -> str:
    """Return the page with what stands between the two marks made anew; pages without marks stay as they are."""
    return remade(page, BEGIN, END, _table)


def _table() -> str:
    types = get_type_hints(ProjectSettings, include_extras=True)
    rows = [f"| `{key}` | {meaning(types[name])} |\n" for name, key in keys().items()]
    return f"| key | value |\n| --- | --- |\n{''.join(rows)}"

"""The programs that the pages of the rules show."""

from __future__ import annotations

import re

from gradtrace.diagnosis.rule import Rule


def sections(rule: Rule) -> dict[str, str]:
    """The text below each heading of a page."""
    _, *parts = re.split(r"^## (.*)$", rule.page, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def program(rule: Rule, section: str) -> str:
    """The program that a section shows."""
    shown = re.findall(r"^```python\n(.*?)^```$", sections(rule)[section], re.MULTILINE | re.DOTALL)
    assert len(shown) == 1, f"{rule.name}: {section} shows {len(shown)} programs"
    return shown[0]

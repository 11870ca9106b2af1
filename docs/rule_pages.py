"""The pages of `docs/rules.md`, made from the rules of `gradtrace check`."""

from __future__ import annotations

import re

from generated_part import remade

from gradtrace.diagnosis.registry import RULES
from gradtrace.diagnosis.rule import Rule

BEGIN = "<!-- generated from gradtrace/diagnosis/rules by docs/build.py -->\n"
END = "<!-- end of the generated rules -->\n"
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def refresh(page: str) -> str:
    """Return the page with what stands between the two marks made anew; pages without marks stay as they are."""
    return remade(page, BEGIN, END, _pages)


def _pages() -> str:
    return f"{''.join(map(_page, RULES))}\n"


def _page(rule: Rule) -> str:
    """A rule below a heading that links lead to, with the headings of its page in bold."""
    parts = _CODE.split(rule.page.strip())
    body = "".join(part if part.startswith("```") else _HEADING.sub(r"**\1**", part) for part in parts)
    return f"\n## {rule.name}\n\n*{rule.severity}*. {body}\n"

"""Rules by the words that a person has for what he sees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradtrace.diagnosis.rule import Rule

_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"[^\W_]+")
_IN_NAME, _IN_SUMMARY, _IN_PAGE = 6, 3, 1


def matching(words: str, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules whose name, summary or page has all of these words, the best first.

    A word also matches one that begins with it; case and hyphens do not matter. Programs on a page are not looked at.
    """
    wanted = _WORD.findall(_plain(words))
    scores = [(_score(wanted, rule), rule) for rule in rules] if wanted else []
    return tuple(rule for score, rule in sorted(scores, key=lambda scored: -scored[0]) if score)


def _score(wanted: Sequence[str], rule: Rule) -> int:
    """How well a rule matches; 0 if a word is nowhere."""
    texts = (rule.name.replace("-", " "), rule.summary, _CODE.sub("", rule.page))
    parts = [[*_WORD.findall(_plain(text)), *_WORD.findall(text.lower())] for text in texts]
    score = 0
    for word in wanted:
        found = [any(each.startswith(word) for each in part) for part in parts]
        if not any(found):
            return 0
        score += sum(weight for weight, is_in in zip((_IN_NAME, _IN_SUMMARY, _IN_PAGE), found, strict=True) if is_in)
    return score


def _plain(text: str) -> str:
    return text.lower().replace("-", "").replace("'", "")

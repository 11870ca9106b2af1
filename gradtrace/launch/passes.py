"""Which passes are recorded in full, as the command line says it."""

import re

from gradtrace.errors import UsageError
from gradtrace.model.run_options import Passes, PassRange

_RANGE = re.compile(r"(\d+)(?:(-)(\d*))?", re.ASCII)


def parse_passes(text: str) -> Passes:
    """Reads `1-3`, `100`, `1,5,10-20`, `100-` (to the end), `all` or `last`.

    Raises:
        UsageError: if it is none of these.
    """
    if text == "all":
        return None
    if text == "last":
        return "last"
    return tuple(sorted((_parse_range(word.strip(), text) for word in text.split(",")), key=lambda span: span[0]))


def _parse_range(word: str, text: str) -> PassRange:
    match = _RANGE.fullmatch(word)
    if match is None:
        raise UsageError(f"--passes {text}: say 1-3, 100, 1,5,10-20, 100- (to the end), all or last")
    first = int(match[1])
    last = None if match[2] and not match[3] else int(match[3] or first)
    if first < 1:
        raise UsageError(f"--passes {text}: passes are counted from 1")
    if last is not None and last < first:
        raise UsageError(f"--passes {text}: {word} ends before it begins")
    return first, last

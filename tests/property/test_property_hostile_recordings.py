"""A recording is somebody else's text: whatever stands in any field of it is inert in every format, or refused."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import builders
import pytest
from stream_lines import content, recording

from gradtrace.diagnosis.examine import examine
from gradtrace.diagnosis.registry import RULES
from gradtrace.diagnosis.selection import Selection
from gradtrace.errors import GradtraceError, RecordingError
from gradtrace.model import Trace
from gradtrace.recording import load
from gradtrace.renderers import registry
from gradtrace.renderers.view_options import ViewContext, ViewOptions

HOSTILE = (
    "\x1b[31mE\x9b1m\x07</script><script>alert(1)</script><img src=x onerror=y>\"'\n\r::error::x\n# heading\n"
    '|a|`b`\u202e\\N{x}%0A]]>-->\n---\nclick a href "javascript:z"'
)

FORBIDDEN = {
    "": r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]",
    "svg": r"<img|<script",
    "html": r"<img|<script>alert",
    "junit": r"<img|<script",
    "markdown": r"<img|<script|^# heading",
    "github": r"^::error::x",
    "mermaid": r"^\s*click a",
    "tree": r"^(::error|# heading|---)",
    "text": r"^(::error|# heading|---)",
    "full": r"^(::error|# heading|---)",
    "concise": r"^(::error|# heading|---)",
}
"""What may stand nowhere in a format, and what in none of them."""

CODE = re.compile(r"^(~{3,}|`{3,}).*?^\1|(`+).*?\2", re.DOTALL | re.MULTILINE)
"""In Markdown, where everything is inert."""


def fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where texts stand in a line."""
    if isinstance(value, str):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if key != "t":
            yield from fields(item, (*path, key))


def forged(lines: list[Any], behind: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """The recording with one kind of field after the other made hostile."""
    seen = set()
    for number, line in enumerate(lines):
        for path in fields(line):
            rows = ["*" if isinstance(step, int) else step for step in path[:-1]]  # one row stands for all
            what = ".".join(map(str, [line["t"], *rows, path[-1]]))
            if what in seen:
                continue
            seen.add(what)
            changed = json.loads(json.dumps(line))
            place = changed
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = HOSTILE
            rest = [*lines[:number], changed, *lines[number + 1 :]]
            yield (
                what,
                content([json.dumps(one).encode() + b"\n" + data for one, data in zip(rest, behind, strict=True)]),
            )


def shown(trace: Trace) -> Iterator[tuple[str, str]]:
    context = ViewContext(rules=RULES)
    for name in dict.fromkeys((*registry.PICTURES, *registry.STORIES, *registry.DIAGNOSES)):
        drawn_as = registry.find(name, (name,))
        if drawn_as.is_binary:
            continue
        asked = ViewOptions(engine="builtin" if "engine" in drawn_as.options else None)
        try:
            text = drawn_as.render(examine(trace, Selection()) if name in registry.DIAGNOSES else trace, asked, context)
        except GradtraceError as error:
            text = str(error)
        assert isinstance(text, str)
        yield name, text


@pytest.mark.parametrize("name", ["hooked_trace", "module_net_trace", "failed_trace"])
def test_every_text_of_a_recording_is_inert_everywhere(name: str) -> None:
    """No control character, no markup and no command of a format gets through from any field."""
    whole = [line.split(b"\n", 1) for line in recording(getattr(builders, name)())]
    lines = [json.loads(text) for text, _ in whole]
    behind = [data for _, data in whole]
    n_shown = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.gtrace"
        for what, changed in forged(lines, behind):
            file.write_bytes(changed)
            try:
                trace = load(file)
            except RecordingError:
                continue
            for form, text in shown(trace):
                outside = CODE.sub("", text) if form == "markdown" else text
                for pattern in (FORBIDDEN[""], FORBIDDEN.get(form, r"(?!)")):
                    assert not re.search(pattern, outside, re.MULTILINE), (what, form, pattern)
                n_shown += 1
    assert n_shown > 100

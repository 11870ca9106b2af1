"""Comments that silence findings on their line: `# gradtrace: ignore[zero-grad-forgotten]`, or plain `ignore`.

A recording may come from anywhere and name any file as a source. So only Python files are opened, and only below the
folders that the person named or stands in; of others the lines count that the recording itself holds.
"""

import io
import re
import tokenize
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradtrace.analysis.sources import read_source
from gradtrace.diagnosis.selection import names_in
from gradtrace.model import Finding, Location, Severity, Trace

UNUSED = "unused-ignore"
"""The rule under which a comment is reported that silences nothing."""

_COMMENT = re.compile(r"#\s*gradtrace:\s*ignore(?:\[(?P<rules>[^\]]*)\])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Ignore:
    """One comment; `rules` is empty when it silences all."""

    location: Location
    rules: tuple[str, ...] = ()

    def covers(self, finding: Finding) -> bool:
        """Whether it silences this finding: it stands on one of the finding's own lines."""
        place = finding.location
        return (
            place is not None
            and place.file == self.location.file
            and place.line <= self.location.line <= max(place.line, place.end_line)
            and (not self.rules or finding.rule in self.rules)
        )


def ignores_in(file: str, source: str, first: int = 1) -> Iterator[Ignore]:
    """The comments of a source, or of lines of it from number `first` on; text in strings is none."""
    if not _COMMENT.search(source):
        return
    lines = source.splitlines()
    for line, start, text in _comments(source):
        for match in _COMMENT.finditer(text):
            column = start + match.start() + 1
            end = start + match.end() + 1
            number = first + line - 1
            place = Location(file, number, column, number, end, text=lines[line - 1] if line <= len(lines) else "")
            yield Ignore(place, names_in(match["rules"] or ""))


def _comments(source: str) -> Iterator[tuple[int, int, str]]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.start[1], token.string
    except (tokenize.TokenError, SyntaxError):  # what was read up to here counts
        return


def read(trace: Trace, folders: Sequence[Path] = ()) -> tuple[Ignore, ...]:
    """The comments in all files of which the trace names a line.

    Args:
        trace: what was recorded.
        folders: where files may be opened; of others only the lines that the trace holds are looked at.
    """
    found: list[Ignore] = []
    for file, places in sorted(_places(trace).items()):
        source = read_source(file, folders)
        if source is not None:
            found += ignores_in(file, source)
        else:
            for place in places:
                found += ignores_in(file, place.text, place.line)
    return tuple(dict.fromkeys(found))


def _places(trace: Trace) -> dict[str, list[Location]]:
    """All places of the trace by their files."""
    places: list[Location | None] = [finding.location for finding in trace.findings]
    places += [event.location for event in trace.events]
    places += [cut.location for cut in trace.cuts]
    for one in trace.passes:
        places.append(one.location)
        places += [node.location for node in one.graph.nodes] if one.graph else []
    by_file: dict[str, list[Location]] = {}
    for place in {id(place): place for place in places}.values():
        if place is not None:
            by_file.setdefault(place.file, []).append(place)
    return by_file


def apply(
    findings: Iterable[Finding], ignores: Collection[Ignore], heard: Collection[str], known: Collection[str]
) -> Iterator[Finding]:
    """The findings that no comment silences, and one for each comment, or name in it, that silences nothing.

    Args:
        findings: all that was found.
        ignores: the comments.
        heard: names of the rules that were run: of the others nothing can be said.
        known: names of all rules.
    """
    used: set[tuple[Ignore, str]] = set()
    for finding in findings:
        covering = [ignore for ignore in ignores if ignore.covers(finding)]
        used |= {(ignore, finding.rule if ignore.rules else "") for ignore in covering}
        if not covering:
            yield finding
    if UNUSED not in heard:
        return
    for ignore in ignores:
        for name in ignore.rules or ("",):
            if (ignore, name) not in used and (name in heard or name not in known):
                yield _unused(ignore, name, is_known=not name or name in known)


def _unused(ignore: Ignore, name: str, *, is_known: bool) -> Finding:
    if not is_known:
        message = f"this comment silences {name}, which is no rule"
    elif name:
        message = f"this comment silences {name}, which finds nothing here"
    else:
        message = "this comment silences every finding, and there is none here"
    advice = "delete the comment" if len(ignore.rules) < 2 else f"take {name} out of the comment"  # noqa: PLR2004
    return Finding(
        UNUSED, Severity.INFO, message, ignore.location, help=f"{advice}; names of rules: gradtrace rule --list"
    )

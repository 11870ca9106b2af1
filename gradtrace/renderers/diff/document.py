"""What differs between two runs, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradtrace.analysis.coverage import n_passes
from gradtrace.analysis.diff.first import First, first_divergence
from gradtrace.analysis.diff.runs import Comparison
from gradtrace.analysis.diff.source import Hunk
from gradtrace.model import Finding, Location, Trace
from gradtrace.renderers.diff.words import sentence
from gradtrace.text import verdicts
from gradtrace.text.strict_json import indented

FORMAT, VERSION = "gradtrace-diff", "1.0"


def render(comparison: Comparison, source: Sequence[Hunk] = ()) -> str:
    """The comparison as JSON that ends in a line break.

    Keys: `format`, `version`, `equal`, `old` and `new` (what was run and how much of it was seen), `compared` (how much
    was laid side by side), `source` (lines that only one program has), `first` (where they part; null when equal),
    `passes` (how much differs in each pair of passes), `leaves` (that only one has), `histories`, `findings` (that only
    one has).
    """
    first = first_divergence(comparison)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "equal": first is None,
        "old": _run(comparison.old),
        "new": _run(comparison.new),
        "compared": {"passes": len(comparison.passes), "leaves": len(comparison.leaves)},
        "source": [{"old": _lines(hunk.old), "new": _lines(hunk.new)} for hunk in source],
        "first": None if first is None else _first(first),
        "passes": [
            {
                "old": pair.old.index,
                "new": pair.new.index,
                "nodes": len(pair.nodes),
                "only_old": sum(len(stretch.nodes) for stretch in pair.only_old),
                "only_new": sum(len(stretch.nodes) for stretch in pair.only_new),
                "other_operands": len(pair.rewired),
                "other_values": len(pair.values),
                "other_gradients": len(pair.gradients),
                "leaves": [change.name for change in changes],
            }
            for pair, changes in zip(comparison.passes, comparison.gradients, strict=True)
        ],
        "leaves": {
            "only_old": [leaf.name for leaf in comparison.lost],
            "only_new": [leaf.name for leaf in comparison.found],
        },
        "histories": [
            {"leaves": list(one.names), "old": verdicts.verdict(one.old), "new": verdicts.verdict(one.new)}
            for one in comparison.histories
        ],
        "findings": {
            "only_old": [_finding(one) for one in comparison.findings_old],
            "only_new": [_finding(one) for one in comparison.findings_new],
        },
    }
    return indented(document)


def _run(trace: Trace) -> dict[str, Any]:
    error = trace.run.error
    return {
        "target": trace.run.target,
        "status": trace.run.status,
        "error": None if error is None else {"type": error.type, "message": error.message},
        "passes": n_passes(trace),
    }


def _lines(lines: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
    return [{"line": number, "text": text} for number, text in lines]


def _first(first: First) -> dict[str, Any]:
    return {
        "kind": first.kind.value,
        "message": sentence(first),
        "pass": first.pass_index or None,
        "old": _place(first.old),
        "new": _place(first.new),
    }


def _place(place: Location | None) -> dict[str, Any] | None:
    return None if place is None else {"file": place.file, "line": place.line, "text": place.text}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "location": _place(finding.location),
        "message": finding.message,
    }

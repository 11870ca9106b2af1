"""Which rule explains a thing where several could: the most specific, as said in one tuple."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gradtrace.model import Finding

ORDER: tuple[tuple[str, ...], ...] = (
    ("checkpoint-input-no-grad", "rank-divergent-graph", "no-grad-forward", "unused-layer"),
    ("divide-by-zero-norm", "normalize-zero-vector"),
    ("straight-through-untrained", "detach-midgraph"),
    ("ctx-tensor-in-double-backward", "custom-fn-bypasses-parameter"),
    (
        *("optimizer-holds-originals", "layer-built-in-forward", "optimizer-missing-params"),
        *("detach-midgraph", "data-midgraph", "unused-layer"),
    ),
    ("optimizer-missing-params", "zero-init-symmetry"),
    ("exploding-recurrence", "diverging-parameters"),
    ("requires-grad-misspelt", "never-unfrozen", "frozen-too-much", "no-requires-grad"),
)
"""Rules that read the same fact, the one that explains most first.

A finding of a later one is told only if it concerns a leaf that none of the earlier ones explains, or if it concerns no
leaf and none of the earlier ones found anything.
"""


def settled(found: Mapping[str, Sequence[Finding]]) -> dict[str, list[Finding]]:
    """By rule: its findings, without those that a rule before it in the order explains better."""
    kept = {name: list(findings) for name, findings in found.items()}
    for group in ORDER:
        explained: set[int] = set()
        has_found = False
        for name in group:
            own = [one for one in kept.get(name, ()) if not _is_explained(one, explained, has_found=has_found)]
            kept[name] = own
            explained.update(leaf for one in own for leaf in one.leaves)
            has_found = has_found or bool(own)
    return kept


def _is_explained(finding: Finding, explained: set[int], *, has_found: bool) -> bool:
    return explained.issuperset(finding.leaves) if finding.leaves else has_found

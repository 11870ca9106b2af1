"""One web page for a whole run: a single file that works offline, with the data inside.

The page's program is written in TypeScript in `web/`, and built into `assets/`. It gets the trace as base64 of
compressed columns (`page_data`), so that no text of the user ever stands in the HTML but the title, and it makes
elements from text alone. A content security policy allows the page its own script and style, known by their hashes,
and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from gradtrace.analysis.blocks import block_tree
from gradtrace.analysis.branches import branches
from gradtrace.analysis.choose_pass import first_pass
from gradtrace.analysis.focus import focused_trace
from gradtrace.formulas.formula import Formula
from gradtrace.formulas.lookup import lookup
from gradtrace.model import BackwardPass, Graph, Trace
from gradtrace.renderers.page.data import packed
from gradtrace.renderers.page.opening import Opening
from gradtrace.renderers.page.text import inert
from gradtrace.text.chosen_pass import existing_pass

_PLACEHOLDER = re.compile("@(policy|title|style|data|script)@")


@dataclass(frozen=True, slots=True)
class Options:
    """What the page holds; everything else can be chosen in it.

    Attributes:
        pass_index: with which pass it opens; None: one that failed, else the one that pictures show.
        focus: only what leads to the leaf, module or value of this name.
        depth: modules are open to this depth when the page opens; None: as far as there is room.
        expand: modules that are open with all inside them when the page opens.
        other_ranks: what the other ranks of the program did, which can be chosen in the page.
    """

    pass_index: int | None = None
    focus: str | None = None
    depth: int | None = None
    expand: tuple[str, ...] = ()
    other_ranks: tuple[Trace, ...] = ()


def render(trace: Trace, options: Options) -> str:
    """The page as HTML; the same bytes for the same trace.

    Raises:
        RenderError: if there is no pass of the asked-for index, or nothing of the name in focus, or no module that
            `expand` names.
    """
    others = options.other_ranks
    if options.focus is not None:
        trace, others = focused_trace(trace, options.focus), ()
    first = _first(trace) if options.pass_index is None else existing_pass(trace, options.pass_index)
    if options.expand:
        graph = first.graph if first is not None else None
        branches(block_tree(graph or Graph((), ())), options.expand)
    opening = Opening(None if first is None else first.index, options.depth, options.expand, options.focus)
    style, script = _asset("page.css"), _asset("page.js")
    parts = {
        "policy": "; ".join(
            (
                "default-src 'none'",
                f"script-src '{_hash(script)}'",
                f"style-src '{_hash(style)}'",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
        "title": escape(f"{inert(trace.run.target)[:200]} - gradtrace"),
        "style": style,
        "data": "\n".join(_data(trace, others, opening)),
        "script": script,
    }
    # In one go, so that nothing which was put in is ever searched for placeholders.
    return _PLACEHOLDER.sub(lambda match: parts[match[1]], _asset("page.html"))


def _data(trace: Trace, others: tuple[Trace, ...], opening: Opening) -> Iterator[str]:
    """What the page reads: the trace that it opens with, then those of the other ranks."""
    traces = (trace, *others)
    for one in traces:
        shown = opening if one is trace else Opening(depth=opening.depth)
        data = base64.b64encode(packed(one, _formulas(one), shown, len(traces))).decode("ascii")
        own = one.run.processes[0].rank if one.whole is not None and one.run.processes else None
        rank = "" if own is None else f' data-rank="{own}"'
        yield f'<script type="application/octet-stream" class="data"{rank}>{data}</script>'


def _first(trace: Trace) -> BackwardPass | None:
    """The pass with which the page opens: one that failed, else that which every picture shows first."""
    failed = (one for one in trace.passes if one.error is not None and one.graph is not None)
    return next(failed, None) or first_pass(trace)


def _formulas(trace: Trace) -> dict[str, Formula]:
    """What is known in words of the types of node that occur."""
    types = {
        node.type
        for item in trace.passes
        if item.graph is not None
        for node in item.graph.nodes
        if not node.is_custom and node.leaf is None
    }
    found = {type_: lookup(type_) for type_ in sorted(types)}
    return {type_: formula for type_, formula in found.items() if formula is not None and formula.source == "catalogue"}


def _asset(name: str) -> str:
    return files("gradtrace.renderers.page").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"

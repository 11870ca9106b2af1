"""Labels of DOT pictures, in Graphviz's HTML-like language; all text in them is inert."""

import re
from collections.abc import Iterable, Sequence
from html import escape

from gradtrace.renderers.picture.scene import Box, Row, Scene, Span, Step
from gradtrace.renderers.picture.svg_legend import EDGE_STATES, reading
from gradtrace.text import wording
from gradtrace.text.palette import BOLD, ITALIC, SIZES, BoxStyle, Theme

_ESCAPE = re.compile(r"\\(?=[NGETHLlnr\\]|$)")
_GAP = "&#160;&#160;"
_PLAIN_TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}">'


def quoted(text: str) -> str:
    """A DOT string in which nothing is special: neither quotes and backslashes nor entities."""
    text = _without_escapes(text).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("&", "&amp;").replace("\n", "\\n") + '"'


def _without_escapes(text: str) -> str:
    r"""Text in which no backslash can begin an escape such as `\N` or `\G`.

    Graphviz acts on them in HTML-like labels and even where the backslash is escaped or an entity, as it reads some
    texts twice. An invisible word joiner between the backslash and the letter keeps it from that.
    """
    return _ESCAPE.sub("\\\\\u2060", text)


def text_of(span: Span, theme: Theme, ink: str) -> str:
    """One span in its font."""
    colour = ink
    if span.role in {"muted", "head"} and ink == theme.ink:
        colour = theme.muted
    text = escape(_without_escapes(span.text)) or "&#160;"
    text = f"<B>{text}</B>" if span.role in BOLD else f"<I>{text}</I>" if span.role in ITALIC else text
    return f'<FONT POINT-SIZE="{SIZES[span.role]}" COLOR="{colour}">{text}</FONT>'


def row_of(row: Row, theme: Theme, ink: str, align: str = "CENTER") -> str:
    """A table row of spans side by side; a badge has a cell of its own colour."""
    if all(span.role != "badge" for span in row):
        return f'<TR><TD ALIGN="{align}">{_GAP.join(text_of(span, theme, ink) for span in row)}</TD></TR>'
    cells = []
    for span in row:
        is_badge = span.role == "badge"
        more = f' BGCOLOR="{theme.badge}" CELLPADDING="2"' if is_badge else ""
        cells.append(f"<TD{more}>{text_of(span, theme, theme.badge_ink if is_badge else ink)}</TD>")
    inner = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3" CELLPADDING="0"><TR>' + "".join(cells) + "</TR></TABLE>"
    return f'<TR><TD ALIGN="{align}">{inner}</TD></TR>'


def box_label(box: Box, style: BoxStyle, theme: Theme) -> str:
    """The text of a box, with the ledger of a leaf below it."""
    align = "LEFT" if box.steps else "CENTER"
    rows = [row_of(row, theme, style.ink, align) for row in box.rows]
    if box.steps:
        rows.append(f'<TR><TD ALIGN="LEFT">{_ledger(box.steps, theme)}</TD></TR>')
    return f"<{_PLAIN_TABLE.format(padding=1)}{''.join(rows)}</TABLE>>"


def _ledger(steps: Sequence[Step], theme: Theme) -> str:
    n_columns = max(len(step.cells) for step in steps)
    rows = []
    for step in steps:
        role = {"head": "head", "drawn": "strong", "pass": "plain"}.get(step.kind, "muted")
        fill = f' BGCOLOR="{theme.drawn}"' if step.kind == "drawn" else ""
        span = f' COLSPAN="{n_columns}"' if len(step.cells) == 1 else ""
        cells = "".join(f"<TD{span}{fill}>{text_of(Span(cell, role), theme, theme.ink)}</TD>" for cell in step.cells)
        rows.append(f"<TR>{cells}</TR>")
    table = f'<TABLE BORDER="0" CELLBORDER="1" SIDES="T" COLOR="{theme.rule}" CELLSPACING="0" CELLPADDING="2">'
    return table.replace(' SIDES="T"', "") + "".join(rows).replace("<TD", '<TD SIDES="T"') + "</TABLE>"


def inline_label(row: Row, theme: Theme) -> str:
    """Spans side by side, for arrows and clusters."""
    return f"<&#160;{_GAP.join(text_of(span, theme, theme.ink) for span in row)}&#160;>"


def caption_label(scene: Scene, theme: Theme) -> str:
    """The title and what was run."""
    rows: Iterable[Row] = ((Span(scene.title, "title"),), *((Span(line, "muted"),) for line in scene.caption))
    return f"<{_PLAIN_TABLE.format(padding=1)}{''.join(row_of(row, theme, theme.ink, 'LEFT') for row in rows)}</TABLE>>"


def legend_label(scene: Scene, theme: Theme, *, is_turned: bool = False) -> str:
    """What colours, borders and lines mean, and what was folded away."""
    entries = [_entry(_swatch(theme.boxes[style]), theme.boxes[style].meaning, theme) for style in scene.legend]
    entries += [
        _entry(_dashes(state, theme), EDGE_STATES[state][1], theme)
        for state in scene.edge_states
        if state in EDGE_STATES
    ]
    entries += _scale(scene, theme)
    per_row = 4
    grid = "".join(f"<TR>{''.join(entries[i : i + per_row])}</TR>" for i in range(0, len(entries), per_row))
    rows = [f'<TR><TD ALIGN="LEFT"><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="5">{grid}</TABLE></TD></TR>']
    rows += [
        row_of((Span(text, "muted"),), theme, theme.ink, "LEFT")
        for text in (reading(scene, is_turned=is_turned), *scene.notes)
    ]
    return f"<{_PLAIN_TABLE.format(padding=1)}{''.join(rows)}</TABLE>>"


def _entry(sample: str, words: str, theme: Theme) -> str:
    return f'{sample}<TD ALIGN="LEFT">{text_of(Span(words, "muted"), theme, theme.ink)}</TD>'


def _swatch(style: BoxStyle) -> str:
    border = max(1, round(style.width)) + (1 if style.double else 0)
    looks = [look for look, is_on in (("ROUNDED", style.shape == "round"), ("DASHED", style.dashed)) if is_on]
    more = f' STYLE="{",".join(looks)}"' if looks else ""
    inner = (
        f'<TABLE BORDER="{border}" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0" COLOR="{style.border}" '
        f'BGCOLOR="{style.fill}" FIXEDSIZE="TRUE" WIDTH="26" HEIGHT="14"{more}><TR><TD></TD></TR></TABLE>'
    )
    return f'<TD ALIGN="RIGHT">{inner}</TD>'


def _dashes(state: str, theme: Theme) -> str:
    colour = theme.non_finite if state == "non-finite" else theme.muted if state == "unknown" else theme.no_gradient
    sample = {"zero": "· · · ·", "unknown": "——", "carried": "— — —", "non-finite": "▬ ▬"}.get(state, "- - - -")
    return f'<TD ALIGN="RIGHT"><FONT POINT-SIZE="12" COLOR="{colour}"><B>{sample}</B></FONT></TD>'


def _scale(scene: Scene, theme: Theme) -> list[str]:
    """Bars as high as the lines are wide, with the norms for which they stand."""
    if scene.scale is None:
        return []
    entries = []
    for norm in scene.scale.ticks():
        height = max(1, round(scene.scale.width(norm)))
        bar = (
            '<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0"><TR><TD FIXEDSIZE="TRUE" '
            f'WIDTH="26" HEIGHT="{height}" BGCOLOR="{scene.scale.colour(norm, theme)}"></TD></TR></TABLE>'
        )
        entries.append(_entry(f'<TD ALIGN="RIGHT">{bar}</TD>', f"gradient {wording.number(norm, 2)}", theme))
    return entries

"""Mermaid flowcharts for READMEs and issues: the folded view within the limits of the sites that draw them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gradtrace.errors import RenderError
from gradtrace.model import Trace
from gradtrace.renderers.picture.scene import Arrow, Box, Choice, DrawingOptions, Scene, compose
from gradtrace.text import escape
from gradtrace.text.palette import LIGHT, BoxStyle

EDGE_LIMIT = 500
"""Mermaid draws an error picture instead of a flowchart with more edges than this …"""
TEXT_LIMIT = 50_000
"""… or with a longer text."""
_TARGETS = (40, 25)
"""How many items the view is folded to, one after the other, until the limits are kept."""
_PARTS = {"square": ("[", "]"), "cut": ("{{", "}}"), "stack": ("[[", "]]"), "round": ("(", ")")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(DrawingOptions):
    """What to draw."""


def render(trace: Trace, options: Options = Options()) -> str:
    """One pass as a Mermaid flowchart, folded further until it keeps to Mermaid's limits.

    Raises:
        RenderError: there is nothing to draw, or it is too large however far it is folded.
    """
    problem = ""
    for choice in _choices(options):
        scene = compose(trace, choice)
        if len(scene.arrows) > EDGE_LIMIT:
            problem = f"{len(scene.arrows):,} edges, and Mermaid draws at most {EDGE_LIMIT}"
            continue
        text = draw(scene)
        if len(text) <= TEXT_LIMIT:
            return text
        problem = f"{len(text):,} characters, and Mermaid reads at most {TEXT_LIMIT:,}"
    advice = "Fold it with a smaller --depth N" if options.fold else "Leave out --no-fold"
    raise RenderError(f"the flowchart has {problem}. {advice}, or write SVG or HTML, which have no such limit.")


def _choices(options: Options) -> Iterator[Choice]:
    """Ever more folded views: fewer items, then modules closed one level after the other."""
    wanted = options.choice()
    if not options.fold:
        yield wanted
        return
    for target in _TARGETS:
        yield replace(wanted, max_items=target)
    deepest = 3 if options.depth is None else options.depth - 1
    for depth in range(min(3, deepest), -1, -1):
        yield replace(wanted, depth=depth, max_items=_TARGETS[-1])


def draw(scene: Scene) -> str:
    """A scene as a flowchart, from the operands at the top down to the root."""
    lines = [
        "---",
        f'title: "{_title(scene)}"',
        "---",
        "flowchart BT",
        *(f"  %% {_comment(line)}" for line in (*scene.caption, *scene.notes)),
        *_contents(scene),
        *(f"  {_arrow(arrow)}" for arrow in scene.arrows),
        *(f"  classDef {_class(name)} {_look(LIGHT.boxes[name])}" for name in scene.legend),
        *_link_styles(scene),
    ]
    if scene.clusters:
        lines.append(f"  classDef module fill:{LIGHT.cluster_fill},stroke:{LIGHT.cluster_border},color:{LIGHT.ink}")
        lines.append(f"  class {','.join(f'c{number}' for number in range(len(scene.clusters)))} module")
    if scene.notes:
        note = escape.mermaid("; ".join(scene.notes))
        lines.append(f'  note["{note}"]:::note')
        lines.append("  classDef note fill:none,stroke:none,color:#777777")
    return "\n".join(lines) + "\n"


def _title(scene: Scene) -> str:
    """In the YAML before the chart only what is plain in YAML, Mermaid and Markdown alike."""
    text = f"{scene.title}: {scene.caption[0]}" if scene.caption else scene.title
    return "".join(letter if letter.isalnum() or letter in " .,:=*+/()[]_-" else "·" for letter in text)


def _comment(text: str) -> str:
    return "".join(letter for letter in text if letter.isalnum() or letter in " .,:;=*+/()_-×…")


def _contents(scene: Scene) -> list[str]:
    """Boxes within the subgraphs of their modules, without recursion."""
    inside: defaultdict[int | None, list[str]] = defaultdict(list)
    for i, box in enumerate(scene.boxes):
        inside[box.cluster].append(_box(i, box))
    children: defaultdict[int | None, list[int]] = defaultdict(list)
    for i, cluster in enumerate(scene.clusters):
        children[cluster.parent].append(i)
    lines: list[str] = []
    waiting: list[tuple[int | None, bool, int]] = [(None, False, 1)]
    while waiting:
        number, is_done, level = waiting.pop()
        indent = "  " * level
        if is_done:
            lines.append(f"{indent[2:]}end")
            continue
        if number is not None:
            title = escape.mermaid(" ".join(span.text for span in scene.clusters[number].title))
            lines.append(f'{indent[2:]}subgraph c{number}["{title or " "}"]')
            waiting.append((number, True, level))
        lines += [f"{indent}{line}" for line in inside.get(number, ())]
        waiting += [(child, False, level + 1) for child in reversed(children.get(number, []))]
    return lines


def _box(number: int, box: Box) -> str:
    rows = [escape.mermaid(" ".join(span.text for span in row)) for row in box.rows]
    rows[0] = f"<b>{rows[0]}</b>"
    for step in box.steps:
        if step.kind in {"pass", "drawn"}:
            index, before, adds, after = map(escape.mermaid, step.cells)
            rows.append(f"pass {index}: {before} → {after}, adds {adds.partition(' = ')[2] or adds}")
        elif step.kind != "head":
            rows.append(escape.mermaid(step.cells[0]))
    opening, closing = ("([", "])") if box.is_chip else _PARTS[LIGHT.boxes[box.style].shape]
    return f'n{number}{opening}"{"<br/>".join(rows)}"{closing}:::{_class(box.style)}'


def _class(style: str) -> str:
    return "k_" + style.replace("-", "_").replace(" ", "_")


def _look(style: BoxStyle) -> str:
    dashes = ",stroke-dasharray:5 3" if style.dashed else ""
    width = style.width + (2 if style.double else 0)
    return f"fill:{style.fill},stroke:{style.border},stroke-width:{width:g}px,color:{style.ink}{dashes}"


def _arrow(arrow: Arrow) -> str:
    """From the box that sends to the box that receives; the chart runs from bottom to top."""
    line = (
        "---"
        if arrow.state == "constant"
        else "-.->"
        if arrow.state in {"none", "zero", "carried"}
        else "==>"
        if arrow.state == "non-finite"
        else "-->"
    )
    text = escape.mermaid(" ".join(span.text for span in arrow.label))
    label = f'|"{text}"|' if text.strip() else ""
    return f"n{arrow.source} {line}{label} n{arrow.target}"


def _link_styles(scene: Scene) -> list[str]:
    """Width and colour of the arrows, those alike in one line."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for number, arrow in enumerate(scene.arrows):
        if arrow.state == "non-finite":
            alike[f"stroke:{LIGHT.non_finite},stroke-width:4px"].append(str(number))
        elif arrow.state == "sent" and arrow.norm is not None and scene.scale is not None:
            width = round(scene.scale.width(arrow.norm))
            alike[f"stroke:{scene.scale.colour(arrow.norm, LIGHT)},stroke-width:{width}px"].append(str(number))
    return [f"  linkStyle {','.join(numbers)} {look}" for look, numbers in sorted(alike.items())]

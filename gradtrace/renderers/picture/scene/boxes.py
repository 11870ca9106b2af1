"""Boxes of single ops: what each is called, its value, and the gradient that arrives."""

from collections.abc import Iterator, Sequence
from itertools import islice

from gradtrace.model import Finding, Location, Node, NodeOutput, PassError, Root, TensorStats
from gradtrace.renderers.picture.scene.finding_pins import badges, told
from gradtrace.renderers.picture.scene.model import NO_WISHES, Labels, Row, Span
from gradtrace.text import wording
from gradtrace.text.compiled import ops_inside, result, values_inside
from gradtrace.text.escape import one_line, visible

_MOST_OUTPUTS = 4
_TEXT = 48


def is_bad(stats: TensorStats | None) -> bool:
    """Whether something in it is known to be NaN or infinite."""
    if stats is None:
        return False
    norm = stats.norm
    return stats.is_finite is False or (norm is not None and not -float("inf") < norm < float("inf"))


def is_bad_node(node: Node) -> bool:
    """Whether the gradient or the value at a node is not finite."""
    return any(is_bad(output.received) or is_bad(output.value) for output in node.outputs)


def style_of(nodes: Sequence[Node], *, is_root: bool, is_failed: bool, has_run: bool) -> str:
    """The look of an op, or of the same op in every repetition; where several would fit, the most urgent."""
    if is_failed:
        return "failed"
    if any(map(is_bad_node, nodes)):
        return "non-finite"
    if has_run and all(node.order is None for node in nodes):
        return "idle"
    if is_root:
        return "root"
    if nodes[0].region is not None:
        return "compiled"
    return "custom" if nodes[0].is_custom else "op"


def node_rows(
    node: Node,
    *,
    detail: int,
    root: Root | None,
    error: PassError | None,
    findings: list[Finding],
    labels: Labels = NO_WISHES,
) -> tuple[Row, ...]:
    """The text of one op.

    `detail` is 2 (everything), 1 (no values) or 0 (names only); -1 leaves out all numbers, because they differ between
    repetitions. What `labels` asks for or forbids goes before that.
    """
    rows: list[Row] = [_title(node)]
    if len(node.outputs) <= 1:
        has_shape, has_place = (bool(detail) if asked is None else asked for asked in (labels.shapes, labels.source))
        known = (_spec(node.outputs[0]) if node.outputs and has_shape else "", has_place and _place(node.location))
        rows.append(tuple(Span(visible(text, 30), "muted") for text in known if text))
    if len(node.outputs) > 1 and detail >= 0:
        rows += _outputs(node)
    elif detail >= 0:
        has_value = detail >= 2 if labels.values is None else labels.values  # noqa: PLR2004
        rows += _numbers(node, root, has_value=has_value, has_gradient=detail >= 1)
    if root is not None:
        rows.append((Span("backward starts here" + _start(root), "strong"),))
    rows += [
        (Span(f"hook {wording.gradient(output.arrived)} → {wording.gradient(output.received)}", "badge"),)
        for output in node.outputs
        if output.arrived is not None
    ]
    if error is not None:
        rows += [(Span(visible(f"failed: {error.type}", _TEXT), "alarm"),), (Span(one_line(error.message, _TEXT)),)]
    rows += badges(findings)
    return tuple(row for row in rows if row)


def _title(node: Node) -> Row:
    spans = [Span(visible(node.op or node.type or "?", 32), "title")]
    has_named_outputs = len(node.outputs) > 1 and any(output.name for output in node.outputs)
    if node.name and not has_named_outputs:
        spans.append(Span(visible(node.name, 32), "name"))
    return tuple(spans)


def _spec(output: NodeOutput) -> str:
    return wording.spec(output.shape, output.dtype, output.device)


def _start(root: Root) -> str:
    return f" with {wording.gradient(root.gradient)}" if root.gradient is not None else ""


def _place(location: Location | None) -> str:
    """The line in a file; of an expression, which has one line, the part that was computed."""
    if location is None or not location.file.startswith("<"):
        return wording.location(location)
    is_one_line = location.end_line in {0, location.line} and location.end_column > location.column
    return location.text[location.column - 1 : location.end_column - 1] if is_one_line else wording.location(location)


def _numbers(node: Node, root: Root | None, *, has_value: bool, has_gradient: bool) -> list[Row]:
    rows: list[Row] = []
    if has_value and node.value is not None:
        rows.append(_measured("value", wording.value(node.value), bad=is_bad(node.value)))
    if root is not None and root.gradient == node.received:
        return rows
    if has_gradient and node.received is not None:
        rows.append(_measured("grad", wording.gradient(node.received), bad=is_bad(node.received)))
    elif is_bad_node(node):
        rows.append((Span("NaN or Inf", "alarm"),))
    return rows


def _measured(word: str, text: str, *, bad: bool) -> Row:
    number = Span(visible(text, 40), "alarm" if bad else "plain")
    return (number,) if text.startswith("|") else (Span(word, "muted"), number)


def _outputs(node: Node) -> list[Row]:
    """One line for each output of an op with several: number, name, shape, gradient."""
    rows: list[Row] = []
    for output in node.outputs[:_MOST_OUTPUTS]:
        name = f"output {output.index}" + (f" {output.name}" if output.name else "")
        role = "alarm" if is_bad(output.received) else "plain"
        grad = f"grad {wording.gradient(output.received)}" if output.received is not None else "no gradient"
        rows.append((Span(visible(name, 24), "strong"), Span(_spec(output), "muted"), Span(grad, role)))
    hidden = len(node.outputs) - _MOST_OUTPUTS
    if hidden > 0:
        rows.append((Span(f"… {wording.count(hidden, 'more output')}", "muted"),))
    return rows


def node_tooltip(node: Node, findings: list[Finding], *, is_told: bool = True) -> str:
    """All that is known of a node, for pictures that can show it on hovering; of very many no numbers."""
    lines = [f"{node.type} (node {node.id})" + (f", {node.name}" if node.name else "")]
    if node.module:
        lines.append(f"in {node.module}" + (f" ({node.module_type})" if node.module_type else ""))
    if node.location is not None:
        lines += [wording.location(node.location), node.location.text]
    if is_told:
        lines += _tensors(node)
        lines += _compiled(node)
    lines += told(findings)
    return "\n".join(one_line(line, 160) for line in lines if line)


def _compiled(node: Node) -> Iterator[str]:
    """What is known of a compiled region."""
    region = node.region
    if region is None:
        return
    yield values_inside(node)
    if node.recomputed is not None and node.recomputed.reason:
        yield f"not recomputed: {node.recomputed.reason}"
    for one in region.breaks:
        yield f"graph break{wording.at(one.location)}: {one.reason}"
    for op, value in islice(ops_inside(region, node), _MOST_OPS):
        yield f"{op.name} {result(op, value)}".rstrip() + wording.at(op.location)
    if region.ops and len(region.ops) > _MOST_OPS:
        yield f"and {len(region.ops) - _MOST_OPS:,} more"


_MOST_OPS = 20


def _tensors(node: Node) -> Iterator[str]:
    """What is known of the tensors that a node made and kept, and of its arguments."""
    for output in node.outputs:
        head = f"output {output.index}: " if len(node.outputs) > 1 else ""
        yield f"{head}{_spec(output)}"
        if output.value is not None:
            yield f"{head}value {statistics(output.value)}"
        if output.received is not None:
            yield f"{head}gradient {statistics(output.received)}"
    for saved in node.saved:
        spec = wording.spec(saved.shape, saved.dtype, saved.device) or "held by a hook"
        yield f"saves {saved.name}: {spec}, {saved.bytes:,} bytes"
    yield from (f"{name} = {text}" for name, text in node.arguments)


def statistics(stats: TensorStats) -> str:
    """All numbers measured of a tensor in one line."""
    pairs = (("norm", stats.norm), ("min", stats.min), ("max", stats.max), ("mean", stats.mean))
    words = [f"{word} {wording.number(x)}" for word, x in pairs if x is not None]
    bad = wording.non_finite(stats)
    if stats.value is not None:
        words = [wording.elements(stats.value)] if len(words) > 1 else words
    return ", ".join([*words, bad] if bad else words) or "not measured"

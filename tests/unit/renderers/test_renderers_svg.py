"""SVG of our own: what it says, how it looks, and that no text breaks it."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import builders
import pytest

from gradtrace.model import BackwardPass, Finding, Trace
from gradtrace.renderers.picture import pictures
from gradtrace.renderers.picture.svg_text import text_width
from gradtrace.text.palette import DARK, LIGHT, scale_of

TRACES = {
    "product": builders.product_trace,
    "modules": builders.module_net_trace,
    "accumulate": builders.accumulate_trace,
    "failed": builders.failed_trace,
    "roots": builders.multi_root_trace,
    "hook": builders.hooked_trace,
    "non-finite": builders.non_finite_trace,
    "linear": builders.linear_trace,
    "hostile": builders.hostile_trace,
}


def _svg(trace: Trace, **options: object) -> str:
    drawn = pictures.render(trace, pictures.Options(engine="builtin", **options))  # type: ignore[arg-type]
    assert isinstance(drawn, str)
    return drawn


def _texts(drawn: str) -> list[str]:
    root = ET.fromstring(drawn)
    return ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]


def _titles(drawn: str) -> list[str]:
    root = ET.fromstring(drawn)
    return [one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}title")]


@pytest.mark.parametrize("name", TRACES)
def test_every_picture_is_well_formed_and_the_same_each_time(name: str) -> None:
    """A picture is valid XML without scripts, links or control characters, and equal bytes for an equal trace."""
    drawn = _svg(TRACES[name]())

    root = ET.fromstring(drawn)
    assert {one.tag.rpartition("}")[2] for one in root.iter()} <= {
        "svg", "title", "desc", "style", "g", "rect", "path", "text", "tspan",
    }  # fmt: skip
    assert all(character == "\n" or character.isprintable() for character in drawn)
    assert drawn == _svg(TRACES[name]())


def test_the_product_says_what_happened_to_w() -> None:
    """The leaf shows the sum of its edges, the second pass on top of it, and the zeroing before the third."""
    texts = _texts(_svg(builders.product_trace()))

    assert "2 = 1 + 1" in texts
    assert any("zero_grad() → None" in text for text in texts)
    row = texts.index("2 = 1 + 1")
    assert texts[row - 2 : row + 6] == ["1", "None", "2 = 1 + 1", "2", "2", "2", "2", "4"]


def test_the_root_says_where_backward_starts() -> None:
    """The root is named with the gradient that the pass starts with."""
    assert "backward starts here with 1" in _texts(_svg(builders.product_trace()))


def test_arguments_stand_on_the_arrows() -> None:
    """An arrow bears what the operand is to its op, and the gradient sent."""
    texts = _texts(_svg(builders.product_trace()))

    assert {"left factor1", "right factor1", "left factor2", "right factor0.25"} <= set(texts)


def test_a_rewriting_hook_is_shown() -> None:
    """Where a hook changed a gradient, both numbers stand in the box."""
    assert "hook 12 → 24" in _texts(_svg(builders.hooked_trace()))


def test_the_failed_node_bears_the_error() -> None:
    """In a pass that raised, the node says so, and what did not run is said to have sent nothing."""
    texts = _texts(_svg(builders.failed_trace(), pass_index=2))

    assert "failed: RuntimeError" in texts
    assert any(text.startswith("the pass failed: RuntimeError: one of the variables") for text in texts)
    assert "the pass failed here" in texts
    assert "sent nothing" in texts


def test_outputs_are_told_apart() -> None:
    """An op with several outputs lists them; an arrow says at which it arrives."""
    texts = _texts(_svg(builders.multi_root_trace()))

    assert any(text.startswith("output 0") for text in texts)
    assert any(text.startswith("output 1") and text.endswith("no gradient") for text in texts)
    assert any(text.endswith("to output 0") for text in texts)


def test_what_is_not_finite_cannot_be_missed() -> None:
    """NaN and Inf have their own border, line and words."""
    drawn = _svg(builders.non_finite_trace())

    assert {"NaN or Inf", "leaf with NaN or Inf", "sent NaN or Inf"} <= set(_texts(drawn))
    assert 'stroke-dasharray="8 3"' in drawn


def test_a_shared_leaf_is_drawn_at_each_use() -> None:
    """A leaf with many uses would tangle the picture: it is a chip at each use, and its ledger stands apart."""
    tape = builders.Tape()
    w = tape.leaf("w", builders.scalar(0.5))
    x = tape.mul(w, tape.constant(builders.scalar(2)))
    for _ in range(5):
        x = tape.mul(x, w)
    trace = builders.trace_of(tape.backward(x)[0])

    drawn = _svg(trace)

    assert _titles(drawn).count("w: one of its uses") == 6
    assert "used 6 times, drawn at each use" in _texts(drawn)


def test_tooltips_tell_what_the_boxes_leave_out() -> None:
    """Hovering over an op shows torch's own name, the source line and what it saves."""
    titles = _titles(_svg(builders.linear_trace()))

    assert any("AddmmBackward0" in title and "h = F.linear(x, W, b)" in title for title in titles)


def test_a_graph_without_a_pass_has_no_gradients_and_no_dead_ops() -> None:
    """A graph that was built but never run is drawn as it is, and the caption says so."""
    trace = builders.trace_of(builders.diamond())
    one = trace.passes[0]
    assert one.graph is not None
    graph = replace(
        one.graph,
        nodes=tuple(
            replace(node, order=None, outputs=tuple(replace(output, received=None) for output in node.outputs))
            for node in one.graph.nodes
        ),
        edges=tuple(replace(edge, sent=None) for edge in one.graph.edges),
    )
    built = BackwardPass(1, "none", None, one.roots, False, False, "full", graph=graph)

    texts = _texts(_svg(replace(trace, passes=(built,))))

    assert any("no backward pass ran" in text for text in texts)
    assert "did not run in this pass" not in texts
    assert not any("backward starts here" in text for text in texts)


def test_findings_are_pinned_to_their_line() -> None:
    """A finding stands at the op on its source line, with its message in the tooltip."""
    trace = builders.linear_trace()
    place = builders.at(4, "h = F.linear(x, W, b)")
    trace = replace(trace, findings=(Finding("stale-gradient", "warning", "the bias is stale", place),))

    drawn = _svg(trace)

    assert "! stale-gradient" in _texts(drawn)
    assert any("warning: the bias is stale" in title for title in _titles(drawn))


def test_what_is_folded_is_said() -> None:
    """The notes of the view stand below the picture."""
    trace = builders.module_net_trace(12, 2)

    assert any("--no-fold" in text for text in _texts(_svg(trace)))
    assert "folded: several nodes" in _texts(_svg(trace, depth=1))


def test_dark_and_light_differ_in_colours_only() -> None:
    """The dark theme has the same words on dark paper."""
    light, dark = _svg(builders.product_trace()), _svg(builders.product_trace(), theme="dark")

    assert _texts(light) == _texts(dark)
    assert LIGHT.paper in light
    assert DARK.paper in dark


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_kinds_of_boxes_differ_without_colour(theme) -> None:
    """Printed in black and white, no two kinds of boxes look alike, but that a failed op is filled."""
    looks = [
        (style.shape, style.width, style.double, style.dashed)
        for name, style in theme.boxes.items()
        if name != "failed"
    ]
    assert len(set(looks)) == len(looks)


def test_the_scale_is_logarithmic_and_bounded() -> None:
    """Each decade widens a line by the same amount; the smallest and largest gradients set the ends."""
    scale = scale_of([1e-4, 1e-2, 1.0])
    assert scale is not None

    widths = [scale.width(norm) for norm in (1e-4, 1e-2, 1.0)]
    assert widths[1] - widths[0] == pytest.approx(widths[2] - widths[1], abs=0.11)
    assert scale.width(1e9) == widths[2]
    assert scale_of([0.0, float("inf")]) is None


def test_equal_gradients_have_equal_lines_of_middle_width() -> None:
    """One size of gradient gives a scale with one tick."""
    scale = scale_of([0.5, 0.5])
    assert scale is not None

    assert scale.ticks() == (0.5,)
    assert 1.5 < scale.width(0.5) < 4


def test_wide_and_combining_letters_are_measured() -> None:
    """A wide letter takes an em, an accent that combines takes no room."""
    assert text_width("漢", "plain") == 11
    assert text_width("e\u0301", "plain") == text_width("e", "plain")
    assert text_width("mm", "title") > text_width("mm", "plain")

"""The tree in the terminal."""

import re
from dataclasses import replace
from textwrap import dedent

import builders
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from gradtrace.errors import RenderError
from gradtrace.model import BackwardPass, Finding, Graph, Node, PassError, Trace
from gradtrace.renderers.tree.tree import Options, render

TRACES = {
    "product": builders.product_trace(),
    "accumulate": builders.accumulate_trace(),
    "failed": builders.failed_trace(),
    "hooked": builders.hooked_trace(),
    "hostile": builders.hostile_trace(),
    "linear": builders.linear_trace(),
    "modules": builders.module_net_trace(),
    "deep": builders.module_net_trace(12),
    "multi root": builders.multi_root_trace(),
    "non-finite": builders.non_finite_trace(),
    "chain": builders.trace_of(builders.chain(1000)),
}


def first_graph(trace: Trace) -> tuple[BackwardPass, Graph]:
    one = trace.passes[0]
    assert one.graph is not None
    return one, one.graph


def with_first(trace: Trace, **changes: object) -> Trace:
    return replace(trace, passes=(replace(trace.passes[0], **changes), *trace.passes[1:]))  # type: ignore[arg-type]


def change_node(trace: Trace, node: int, **changes: object) -> Trace:
    _, graph = first_graph(trace)
    nodes = list(graph.nodes)
    nodes[node] = replace(nodes[node], **changes)  # type: ignore[arg-type]
    return with_first(trace, graph=Graph(tuple(nodes), graph.edges))


def test_a_small_expression_is_nested_with_the_root_on_top() -> None:
    assert render(TRACES["product"], Options(width=80)) == dedent("""\
        pass 1 of 3   Tensor.backward()   root = 0.5
          mul   w * w * y       value 0.5   gradient 1
          ├─ mul   w * w        value 0.25  gradient 2  = 1 × y (2)
          │  ├─ w  leaf                     adds 1      = 2 × w (0.5)
          │  └─ w  leaf, again              adds 1      = 2 × w (0.5)
          └─ y  leaf                        adds 0.25   = 1 × w·w (0.25)

        What happened to .grad: before + added → after
          leaf  shape  pass 1       pass 2             pass 3
          w     f32[]  None → 2     2 + 2 → 4          None → 2
          y     f32[]  None → 0.25  0.25 + 0.25 → 0.5  None → 0.25

          w and y: zeroed once, before pass 3, by Module.zero_grad.
        """)


def test_modules_nest_and_ops_stand_in_the_order_of_the_program() -> None:
    lines = render(TRACES["modules"], Options(width=90)).splitlines()
    assert "\n".join(lines[:13]) == dedent("""\
        pass 1 of 3   loss.backward() at train.py:31   loss = 0.1897
                                     shape     gradient                     where
          net
          ├─ embed  Linear
          │  ├─ weight  leaf         f32[5,3]  .grad None → |g| = 0.2179
          │  ├─ t                    f32[3,5]  |g| = 0.2179                 net.py:12
          │  ├─ bias  leaf           f32[5]    .grad None → |g| = 0.5565
          │  └─ addmm                f32[4,5]  |g| = 0.3008                 net.py:12
          ├─ layers.0 … 2  Block ×3
          │  ├─ fc0  Linear
          │  │  ├─ weight  leaf      f32[5,5]  adds |g| = 0.00978 … 0.0113
          │  │  ├─ t                 f32[5,5]  |g| = 0.00978 … 0.0113       net.py:12
          │  │  ├─ bias  leaf        f32[5]    adds |g| = 0.0929 … 0.166""")


def test_operands_from_elsewhere_are_named() -> None:
    """The residual sum takes from the line before and from the block's input: the embedding, or the layer before."""
    text = render(TRACES["modules"], Options(width=120))
    [add] = [line for line in text.splitlines() if "add  x" in line]
    assert "relu, first embed, then previous x" in add


def test_equal_layers_are_one_and_the_text_says_how_to_see_each() -> None:
    text = render(TRACES["deep"], Options())
    assert "layers.0 … 11  Block ×12" in text
    assert "folded: repetitions are drawn once: layers.0 … 11 ×12; --no-fold draws each" in text
    opened = render(TRACES["deep"], Options(fold=False))
    assert "×" not in opened.split("What happened")[0]
    assert opened.count("Block\n") == 12


def test_depth_closes_modules() -> None:
    text = render(TRACES["deep"], Options(depth=1))
    assert re.search(r"├─ layers +\(84 ops, 48 leaves\)", text)
    assert "fc0" not in text.split("What happened")[0]


def test_a_module_with_a_single_op_takes_one_line() -> None:
    trace = TRACES["modules"]
    _, graph = first_graph(trace)
    relu = next(node for node in graph.nodes if node.op == "relu")
    text = render(change_node(trace, relu.id, module="net.act", module_type="ReLU"), Options())
    assert "├─ act  ReLU   relu" in text


def test_a_loop_of_a_thousand_steps_is_one_line() -> None:
    text = render(TRACES["chain"], Options())
    assert "neg ×1,000  x" in text
    assert len(text.splitlines()) <= 12


def test_gradients_that_are_not_finite_cannot_be_overlooked() -> None:
    trace = TRACES["deep"]
    _, graph = first_graph(trace)
    node = next(node for node in graph.nodes if node.op == "addmm")
    output = node.outputs[0]
    nan = replace(output.received, norm=float("nan"), nan=3, value=None)
    text = render(change_node(trace, node.id, outputs=(replace(output, received=nan),)), Options(color=True))
    [line] = [line for line in text.splitlines() if "nan" in line]
    assert "|g| = nan (3 NaN)" in line
    assert "\x1b[1;31m" in line


def test_what_did_not_run_says_so() -> None:
    trace = TRACES["modules"]
    _, graph = first_graph(trace)
    relu = next(node for node in graph.nodes if node.op == "relu")
    silent = replace(relu.outputs[0], received=None)
    text = render(change_node(trace, relu.id, outputs=(silent,), order=None), Options())
    assert re.search(r"relu .*not run", text)


def test_a_failed_pass_says_where() -> None:
    trace = TRACES["modules"]
    _, graph = first_graph(trace)
    relu = next(node for node in graph.nodes if node.op == "relu")
    text = render(with_first(trace, error=PassError("RuntimeError", "modified in place", relu.id)), Options())
    assert "error: pass 1 raised RuntimeError at relu" in text
    assert re.search(r"relu .*failed here: RuntimeError", text)


def test_hooks_that_change_a_gradient_are_told() -> None:
    trace = TRACES["modules"]
    _, graph = first_graph(trace)
    relu = next(node for node in graph.nodes if node.op == "relu")
    output = relu.outputs[0]
    hooked = replace(output, arrived=replace(output.received, norm=0.5, value=None))
    text = render(change_node(trace, relu.id, outputs=(hooked,)), Options(width=160))
    assert "(a hook changed |g| = 0.5)" in text


def test_a_graph_without_a_backward_pass_has_no_gradients() -> None:
    trace = with_first(TRACES["modules"], call="none", accumulations=())
    _, graph = first_graph(trace)
    nodes = tuple(
        replace(node, order=None, outputs=tuple(replace(output, received=None) for output in node.outputs))
        for node in graph.nodes
    )
    text = render(with_first(trace, graph=Graph(nodes, graph.edges)), Options())
    assert text.startswith("graph of train.py, no backward pass ran   loss = ")
    assert "not run" not in text
    assert "gradient" not in text.split("\n\n")[0]


def test_the_table_of_leaves_shows_passes_side_by_side() -> None:
    text = render(TRACES["accumulate"], Options(width=100))
    assert "What happened to .grad: before + added → after\n" in text
    assert "  leaf  shape   pass 1          pass 2                       pass 3\n" in text
    assert "  b     f32[]   None → 1        1 + 1 → 2                    2 + 1 → 3\n" in text
    assert "The run has 4 passes; shown: 1-3. --pass N shows another." in text
    assert "accumulates over passes 1-4, step() after the 4th, then zeroed by SGD.zero_grad at" in " ".join(
        text.split()
    )


def test_as_many_passes_are_shown_as_fit() -> None:
    assert "pass 4" in render(TRACES["accumulate"], Options(width=140))
    narrow = render(TRACES["accumulate"], Options(width=60))
    assert "shown: 1-2." in narrow
    assert "pass 3" not in narrow


def test_many_leaves_stand_together_by_name() -> None:
    text = render(TRACES["deep"], Options(width=160))
    assert re.search(r"net\.layers\.\*\.fc0\.weight ×12 +f32\[5,5\] +None → \S+ … \S+ ", text)


def test_passes_that_were_only_counted_have_no_column() -> None:
    trace = TRACES["accumulate"]
    counted = tuple(replace(row, before=None, contribution=None, after=None) for row in trace.passes[1].accumulations)
    later = replace(trace.passes[1], recorded="ledger", graph=None, count=40, accumulations=counted)
    text = render(replace(trace, passes=(trace.passes[0], later)), Options())
    assert "nothing arrived" not in text
    assert "pass 2" not in text
    assert "The run has 41 passes; shown: 1. --passes says which are measured." in text


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("fold", [True, False])
def test_no_line_is_wider_than_the_terminal(name: str, width: int, fold: bool) -> None:
    if name == "chain" and not fold:
        pytest.skip("a thousand lines of the same")
    for ascii_only in (False, True):
        text = render(TRACES[name], Options(width=width, fold=fold, ascii_only=ascii_only))
        assert max(cell_len(line) for line in text.splitlines()) <= width
        assert not ascii_only or text.isascii()


@pytest.mark.parametrize("name", TRACES)
def test_colours_change_nothing_but_colours(name: str) -> None:
    plain = render(TRACES[name], Options(width=100))
    coloured = render(TRACES[name], Options(width=100, color=True))
    assert "\x1b" not in plain
    assert [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", coloured).splitlines()] == plain.splitlines()


def test_narrow_terminals_lose_the_least_important_columns_first() -> None:
    wide, middle, narrow = (render(TRACES["modules"], Options(width=width)) for width in (120, 80, 60))
    assert "from" in wide.splitlines()[1]
    assert "from" not in middle.splitlines()[1]
    assert "shape" in middle.splitlines()[1]
    assert "gradient" in narrow.splitlines()[1]


def test_max_lines_says_how_many_are_hidden() -> None:
    everything = render(TRACES["modules"], Options()).splitlines()
    cut = render(TRACES["modules"], Options(max_lines=10)).splitlines()
    assert len(cut) == 10
    assert cut[0] == everything[0]
    assert cut[-1] == f"… {len(everything) - 9} more lines: --max-lines shows more, --depth folds more"
    assert render(TRACES["modules"], Options(max_lines=10_000)).splitlines() == everything


def test_focus_shows_only_what_leads_there() -> None:
    text = render(TRACES["modules"], Options(focus="net.layers.2.fc1.bias"))
    assert "fc1" in text
    assert "fc0" not in text
    assert "net.embed" not in text
    with pytest.raises(RenderError, match=re.escape("nothing in pass 1 is called 'net.hat'")):
        render(TRACES["modules"], Options(focus="net.hat"))


def test_a_pass_that_is_not_there_is_an_error() -> None:
    with pytest.raises(RenderError, match="there is no pass 9: the run has 3 passes"):
        render(TRACES["product"], Options(pass_index=9))
    assert render(TRACES["product"], Options(pass_index=2)).startswith("pass 2 of 3")


def test_nothing_to_draw_is_an_error_that_says_what_was_seen() -> None:
    with pytest.raises(RenderError, match=re.escape("train.py never ran a backward pass")):
        render(builders.empty_trace(), Options())


@given(st.text(st.characters(), max_size=30), st.booleans(), st.integers(40, 120))
@settings(max_examples=60, deadline=None)
def test_any_text_survives(text: str, has_modules: bool, width: int) -> None:
    """Names, modules and types may hold anything: one line stays one line, and nothing acts."""
    trace = TRACES["modules"]
    _, graph = first_graph(trace)
    nodes = tuple(_renamed(node, text, has_modules) for node in graph.nodes)
    leaves = tuple(replace(leaf, name=text) for leaf in trace.leaves)
    changed = replace(with_first(trace, graph=Graph(nodes, graph.edges)), leaves=leaves)
    shown = render(changed, Options(width=width))
    assert all(line.isprintable() and cell_len(line) <= width for line in shown.split("\n"))
    assert shown.count("\n") == len(shown.splitlines())


def _renamed(node: Node, text: str, has_modules: bool) -> Node:
    module = f"{node.module}.{text}" if has_modules and node.module else None
    return replace(node, name=text, op=text if node.leaf is None else node.op, module=module, module_type=text)


def test_without_a_graph_the_error_says_what_happened_instead() -> None:
    """What the pass raised, where, and what a diagnosis found."""
    trace = builders.failed_trace()
    failed = next(one for one in trace.passes if one.error is not None)
    finding = Finding("frozen-too-much", "error", "every parameter is frozen", failed.location)
    bare = replace(trace, passes=(replace(failed, graph=None),), findings=(finding,))
    with pytest.raises(RenderError) as caught:
        render(bare, Options())
    message = str(caught.value)
    assert f"pass {failed.index} at " in message
    assert "raised RuntimeError: one of the variables needed" in message
    assert "every parameter is frozen (gradtrace rule frozen-too-much tells more)" in message
    assert "--passes" not in message

"""The explanation of a run: every sentence, every table, and what no text may break."""

import re
from collections.abc import Callable
from dataclasses import replace

import builders
import pytest
from builders import Tape, at, scalar, tensor
from rich.cells import cell_len

from gradtrace.errors import RenderError
from gradtrace.formulas.lookup import describe
from gradtrace.model import (
    Accumulation,
    BackwardPass,
    Node,
    Observation,
    ParameterGroup,
    PassError,
    Recorded,
    StepFact,
    Trace,
)
from gradtrace.renderers.explain.explanation import Options, render

ALL = [
    builders.product_trace,
    builders.accumulate_trace,
    builders.module_net_trace,
    builders.linear_trace,
    builders.failed_trace,
    builders.multi_root_trace,
    builders.hooked_trace,
    builders.non_finite_trace,
    builders.empty_trace,
    builders.hostile_trace,
]


def _said(trace: Trace, **options: object) -> str:
    """The text on one line, without the breaks that the width made."""
    return " ".join(render(trace, Options(**options)).split())  # type: ignore[arg-type]


def test_product() -> None:
    """The expression of the introduction is told as the introduction shows it."""
    assert render(builders.product_trace(), Options()) == (
        """\
  root = w · w · y = 0.5  backward starts here with 1

  mul   w * w * y       value 0.5   gradient 1
  ├─ mul   w * w        value 0.25  gradient 2  = 1 × y (2)
  │  ├─ w  leaf                     adds 1      = 2 × w (0.5)
  │  └─ w  leaf, again              adds 1      = 2 × w (0.5)
  └─ y  leaf                        adds 0.25   = 1 × w·w (0.25)

  leaf  value  .grad before  this pass adds  .grad after  closed form
  w     0.5    None          2 = 1 + 1       2            ∂root/∂w = 2·w·y
  y     2      None          0.25            0.25         ∂root/∂y = w²

  w: 2 = 1 via w * w (left factor) + 1 via w * w (right factor)

  Run backward() again without zeroing:  w.grad 2 → 4     y.grad 0.25 → 0.5   (measured)
  After zero_grad():                     w.grad None → 2  y.grad None → 0.25  (measured)
"""
    )


def test_quiet() -> None:
    """The leaf table alone, when asked for."""
    assert render(builders.product_trace(), Options(quiet=True)) == (
        """\
  leaf  value  .grad before  this pass adds  .grad after  closed form
  w     0.5    None          2 = 1 + 1       2            ∂root/∂w = 2·w·y
  y     2      None          0.25            0.25         ∂root/∂y = w²
"""
    )


def test_another_pass() -> None:
    """The pass that is asked for is told, with the `.grad` that it found."""
    text = render(builders.product_trace(), Options(pass_index=2, quiet=True))
    assert "w     0.5    2             2 = 1 + 1       4" in text


def test_measured_lines_come_from_measured_passes() -> None:
    """What a second backward does is told only when it was run."""
    trace = builders.product_trace()
    alone = replace(trace, passes=trace.passes[:1], events=())
    assert "(measured)" not in render(alone, Options())
    changed = replace(trace.passes[1].accumulations[0], after=trace.passes[0].accumulations[1].after)
    second = replace(trace.passes[1], accumulations=(changed, trace.passes[1].accumulations[1]))
    assert "w.grad 2 → 0.25" in render(replace(trace, passes=(trace.passes[0], second)), Options())


def test_narrow_line() -> None:
    """At 80 columns the measured lines use fewer words rather than losing leaves."""
    text = render(builders.product_trace(), Options(width=80))
    assert "  backward() again:   w.grad 2 → 4     y.grad 0.25 → 0.5   (measured)\n" in text
    assert "  after zero_grad():  w.grad None → 2  y.grad None → 0.25  (measured)\n" in text


def test_training_loop() -> None:
    """A program is told summary first, then what a pass added and its way through the modules."""
    text = render(builders.module_net_trace(), Options(width=120))
    assert text.startswith(
        """\
  train.py ran 3 backward passes, all recorded in full.

  loss           0.1897 → 0.1897 → 0.1897   (passes 1-3: loss.backward() at train.py:31)
  gradient norm  5.817 → 5.817 → 5.817   (of all that a pass adds to .grad)
  by module      largest net.head 5.718, smallest net.layers.2.fc0 0.09361   (of 8 modules, in pass 1)
  zeroed by      SGD.zero_grad at train.py:29
  stepped by     SGD.step at train.py:32
  looks wrong    not looked for: recorded without facts (record --facts)

What happened to .grad
  16 parameters of SGD (train.py:20): zeroed before each of 3 passes by SGD.zero_grad at train.py:29, read by step() at
  train.py:32 after each pass.

  norm of .grad     pass 1             pass 2             pass 3
  before the pass   zero_grad → None   zero_grad → None   zero_grad → None
  net.embed.bias    None → 0.557       None → 0.557       None → 0.557
  net.embed.weight  None → 0.218       None → 0.218       None → 0.218
"""
    )
    assert "How the gradient got there, in pass 1\n" in text
    assert re.search(r"net\.layers\.2\.fc1 +Linear +2 +\|g\| = 0\.2522 +\|g\| = 0\.4878 +\|g\| = 0\.0845\n", text)
    assert re.search(r"net\.embed +Linear +2 +\|g\| = 0\.3008 +\|g\| = 0\.5977 +−\n", text)


def test_leaves_are_in_the_order_of_their_names() -> None:
    """Parameters stand by module, with numbers as numbers."""
    text = render(builders.module_net_trace(12, 1), Options(verbose=True, quiet=False, width=120))
    names = re.findall(r"^  (net\S+) +f32", text, re.MULTILINE)
    assert names[:4] == ["net.embed.bias", "net.embed.weight", "net.head.bias", "net.head.weight"]
    layers = [int(re.findall(r"\d+", name)[0]) for name in names[4:]]
    assert layers == sorted(layers)


def test_many_leaves_are_folded_by_module() -> None:
    """With more leaves than a screen holds, a row is a module and its numbers are norms over its leaves."""
    text = render(builders.module_net_trace(12, 2), Options(width=120))
    assert re.search(r"module +leaves +\|\.grad\| before +this pass adds +\|\.grad\| after\n", text)
    assert re.search(r"net\.layers\.0 +4 +None", text)


def test_verbose_shows_every_line() -> None:
    """Nothing is folded when all was asked for, and the rules are told."""
    text = render(builders.module_net_trace(12, 2), Options(width=120, verbose=True))
    assert "net.layers.11.fc1.weight" in text
    assert "more line" not in text
    assert "note: backward() adds to .grad; it never replaces what is there.\n" in text
    assert (
        "zero_grad() set .grad to None (its default): the next pass creates it anew, and a leaf that gets "
        "nothing keeps "
        "None, which step() skips."
    ) in _said(builders.module_net_trace(), verbose=True)


def test_zeros_instead_of_none() -> None:
    """What `set_to_none=False` means is told when it was used."""
    said = _said(builders.accumulate_trace(to_none=False), verbose=True)
    assert (
        ".grad was set to zeros, not to None: a leaf that gets nothing then keeps zeros, which step() still reads, so "
        "that momentum and weight decay move it; None would be skipped."
    ) in said


def test_large_tensors_are_told_by_rule_and_in_words() -> None:
    """Where the elements were not recorded, the op's formula stands in the reader's names, with a sentence."""
    tape = Tape()
    x = tape.leaf("x", builders.filled((4, 5)))
    weight, bias = tape.leaf("fc.weight", builders.filled((6, 5))), tape.leaf("fc.bias", builders.filled((6,)))
    scales = (("alpha", "1"), ("beta", "1"))
    h = tape.linear(x, weight, bias, location=at(1, "y = fc(x)", "fc(x)"), arguments=scales)
    story = builders.Story(tape, builders.run(), kind="tensor")
    story.backward(tape, tape.sum(h))
    text = render(story.trace(), Options(width=220))
    assert re.search(
        r"fc\.bias  leaf .*= gradient +f32\[4,6\] → f32\[6\]: summed over the batch, because fc\.bias was broadcast",
        text,
    )
    assert re.search(r"x  leaf .*= gradient · fc\.weight   f32\[4,6\] → f32\[4,5\]\n", text)
    assert re.search(r"t +\S.*= xᵀ · gradient   f32\[4,6\] → f32\[5,6\] +line", text)
    sentences = " ".join(f"{op}: {describe(Node(0, node_type, op)).backward}" for op, node_type in TYPES)
    assert f"What these ops do to a gradient {sentences}" in _said(story.trace())


TYPES = (("sum", "SumBackward0"), ("addmm", "AddmmBackward0"), ("t", "TBackward0"))


def test_words_for_every_op_when_asked_for() -> None:
    """With --verbose each op has its sentence, also where the numbers told the step."""
    said = _said(builders.product_trace(), verbose=True)
    assert (
        "What these ops do to a gradient mul: The gradient goes, multiplied by the other factor, to both factors"
        in said
    )
    assert "What these ops do" not in _said(builders.product_trace())


def test_custom_function_has_words() -> None:
    """A function of the user's own is told to be that."""
    tape = Tape()
    x = tape.leaf("x", scalar(1))
    made = tape.unary("MyCubeBackward", "MyCube", x, lambda v: v, lambda _: 3.0, is_custom=True)
    story = builders.Story(tape, builders.run(), kind="tensor")
    story.backward(tape, made)
    assert "MyCube: Its own backward decides what each input gets" in _said(story.trace())


def test_a_long_graph_is_cut() -> None:
    """A graph without modules is told line by line up to a limit, and the rest is counted."""
    tape = Tape()
    value = tape.leaf("x", scalar(1))
    for line in range(500):
        value = tape.unary(
            "NegBackward0", "neg", value, lambda x: -x, lambda _: -1.0, location=at(line, "x = -x", "-x")
        )
    story = builders.Story(tape, builders.run())
    story.backward(tape, value)
    text = render(story.trace(), Options())
    assert "… 441 more lines: --verbose shows all\n" in text
    assert len(text.splitlines()) < 100


def test_repetitions_are_told_once() -> None:
    """A line of the program that ran 498 times is told with the first of them; --verbose lists all."""
    trace = builders.trace_of(builders.chain(500))
    assert re.search(
        r"\n  4\d\d times, the gradient going from -?1 to -?1; the first time:\n     neg ", render(trace, Options())
    )
    assert len(render(trace, Options()).splitlines()) < 30
    assert len(render(trace, Options(verbose=True)).splitlines()) > 500


def test_accumulation() -> None:
    """Accumulation over micro-batches is told as such."""
    assert (
        "b and w of SGD (train.py:5): accumulates over passes 1-4, step() after the 4th, then zeroed by "
        "SGD.zero_grad "
        "at train.py:12."
    ) in _said(builders.accumulate_trace())


def test_never_zeroed() -> None:
    """Forgotten zeroing is told with what to do."""
    trace = builders.module_net_trace()
    kept = tuple(event for event in trace.events if event.kind != "zero_grad")
    rows = {row.leaf: row for row in trace.passes[0].accumulations}
    again = tuple(replace(row, before=row.after, effect="accumulated") for row in rows.values())
    passes = (trace.passes[0], *(replace(one, accumulations=again) for one in trace.passes[1:]))
    said = _said(replace(trace, events=kept, passes=passes))
    assert "accumulates over passes 1-3 and is never zeroed, read by step() at train.py:32 after each pass." in said
    assert (
        "backward() adds to .grad, it does not replace it: step() reads the sum of all passes so far. This looks "
        "forgotten: unless it is meant, call optimizer.zero_grad() before each backward()."
    ) in said


def test_failed_program() -> None:
    """The error comes first, with the place, then the node at which the pass failed."""
    said = _said(builders.failed_trace())
    assert said.startswith(
        "error: RuntimeError at train.py:7 ended the program: one of the variables needed for gradient computation has"
    )
    assert "error: pass 2 raised RuntimeError at exp (w.exp(), train.py:4) train.py ran 2 backward passes" in said
    assert "; it ended with status 1." in said


def test_failed_node_is_marked() -> None:
    """In the story of the failed pass its node says so."""
    assert re.search(
        r"exp   h = w\.exp\(\).* failed here: RuntimeError", render(builders.failed_trace(), Options(pass_index=2))
    )


def test_killed_program() -> None:
    """A signal is told by its number, an incomplete recording as such."""
    trace = builders.accumulate_trace()
    assert "; it was killed by signal 9." in _said(replace(trace, run=replace(trace.run, status=-9)))
    assert "; the recording is incomplete." in _said(replace(trace, run=replace(trace.run, complete=False)))


def _without_backward(*observations: Observation) -> str:
    return _said(replace(builders.empty_trace(), run=builders.run(observations=observations)))


@pytest.mark.parametrize(
    ("observations", "text"),
    [
        (
            (Observation("ops", 12), Observation("ops_with_graph", 3)),
            ("Of 12 tensor operations, 3 built a graph, but nothing called backward() on it: call "
            "loss.backward(), or name "
            "the tensor to draw with --root NAME."),
        ),
        (
            (Observation("ops", 12), Observation("ops_without_grad", 2, at(4, "y = net(x)"))),
            ("Of 12 tensor operations, 2 used tensors that require grad while gradients were switched off "
            "(torch.no_grad "
            "or inference_mode) at train.py:4: take the forward pass out of it."),
        ),
        (
            (Observation("ops", 12),),
            ("Seen: 12 tensor operations, and no tensor that requires grad: requires_grad is False by default; module "
            "parameters have it, a plain tensor needs requires_grad=True."),
        ),
    ],
)  # fmt: skip
def test_no_backward(observations: tuple[Observation, ...], text: str) -> None:
    """Without any backward pass, what was seen instead and what to do."""
    said = _without_backward(*observations)
    assert said == f"No backward pass ran, so there is no gradient to explain. {text}"


def test_torch_was_never_imported() -> None:
    """A program without torch is told so, and nothing is said of its passes."""
    trace = replace(builders.empty_trace(), run=builders.run(torch=""))
    assert _said(trace) == "error: the program never imported torch."


def test_graph_without_backward() -> None:
    """A graph that was never run is drawn without gradients."""
    trace = builders.linear_trace()
    never = replace(trace.passes[0], call="none", accumulations=())
    said = _said(replace(trace, passes=(never,), events=()))
    assert (
        "No backward pass ran. This is the graph that the program left behind, without gradients; call "
        ".backward() on "
        "its root to fill them in."
    ) in said
    assert "The graph sum loss = h.sum()" in said
    assert "adds" not in said
    assert "not run" not in said


def _product(**fields: object) -> Trace:
    """`x = w * w; z = x * y`, of which x has a name."""
    tape = Tape()
    w, y = tape.leaf("w", scalar(0.5)), tape.leaf("y", scalar(2))
    x = tape.mul(w, w, name="x", location=at(1, "x = w * w", "w * w"))
    root = tape.mul(x, y, name="z", location=at(2, "z = x * y", "x * y"))
    story = builders.Story(tape, builders.run(**fields), kind="tensor")
    story.backward(tape, root, location=at(3, "z.backward()"))
    return story.trace()


def test_non_leaf() -> None:
    """A newcomer's first question: why has x no `.grad`?"""
    said = _said(_product())
    assert (
        "note: x = w * w is not a leaf, so it keeps no .grad (it stays None); its gradient was 2. "
        "x.retain_grad() before "
        "backward() keeps it."
    ) in said
    assert (
        "note: w and y are leaves: made with requires_grad=True and not computed from anything, so .grad is kept there."
    ) in said


def test_retained_grad() -> None:
    """With retain_grad() the same tensor keeps its gradient, and that is told instead."""
    trace = _product()
    graph = trace.passes[0].graph
    assert graph is not None
    nodes = tuple(
        replace(node, outputs=tuple(replace(output, retains_grad=True) for output in node.outputs))
        if node.name == "x"
        else node
        for node in graph.nodes
    )
    one = replace(trace.passes[0], graph=replace(graph, nodes=nodes))
    said = _said(replace(trace, passes=(one,)))
    assert "note: x = w * w is not a leaf; retain_grad() made it keep its gradient, 2." in said
    assert "stays None" not in said


def test_several_non_leaves_share_a_note() -> None:
    """Several intermediate tensors are named in one sentence."""
    said = _said(builders.trace_of(builders.diamond()))
    assert (
        "note: a, b and h are not leaves, so they keep no .grad (it stays None), though a gradient went through "
        "each; "
        "retain_grad() before backward() keeps it."
    ) in said


def test_constants() -> None:
    """A value defined without a gradient is named."""
    said = _said(_product(expression="x = w * w; z = x * y", argv=("w=0.5", "y:=2", "t:=[1]")))
    assert (
        "note: y and t do not require grad (requires_grad is False unless it is asked for), so no gradient is "
        "sent to "
        "them."
    ) in said


def test_named_root() -> None:
    """A root that the last statement names bears that name."""
    text = render(_product(expression="x = w * w; z = x * y"), Options())
    assert text.startswith("  z = x · y = 0.5  backward starts here with 1\n")


def test_integers() -> None:
    """An index is an integer tensor, and those choose."""
    tape = Tape()
    x = tape.leaf("x", tensor([1, 2]))
    index = tape.constant(tensor([0, 1]))
    made = tape.op(
        "GatherBackward0", "gather", [(x, "self")], [tensor([1, 2])], lambda g: [g[0]], saved=[("index", index)]
    )
    story = builders.Story(tape, builders.run(), kind="tensor")
    graph = story.backward(tape, tape.sum(made[0]))
    nodes = tuple(
        replace(node, saved=tuple(replace(saved, dtype="int64") for saved in node.saved)) for node in graph.nodes
    )
    trace = replace(story.trace(), passes=(replace(story.passes[0], graph=replace(graph, nodes=nodes)),))
    assert "note: index of gather is i64[2]: integers and booleans choose elements, and cannot require grad." in _said(
        trace
    )


def test_nothing_requires_grad() -> None:
    """What torch says about element 0 is put into words."""
    trace = builders.linear_trace()
    error = PassError("RuntimeError", "element 0 of tensors does not require grad and does not have a grad_fn")
    one = replace(trace.passes[0], error=error)
    assert (
        "note: loss does not require grad: either nothing that it was computed from does (requires_grad is False "
        "unless it is asked for), or detach(), .data, item() or torch.no_grad() cut the way."
    ) in _said(replace(trace, passes=(one,)))


def test_leaves_that_got_nothing() -> None:
    """A leaf without a contribution is named, with the reason."""
    trace = builders.module_net_trace(1, 1)
    first = trace.passes[0]
    graph = first.graph
    assert graph is not None
    rows = tuple(
        Accumulation(row.leaf, None, None, None, "unchanged") if row.leaf in {0, 1} else row
        for row in first.accumulations
    )
    inside = _said(replace(trace, passes=(replace(first, accumulations=rows),)))
    names = f"{trace.leaves[0].name} and {trace.leaves[1].name}"
    assert f"note: {names} got nothing in pass 1: they are in the graph, but no gradient was sent there." in inside
    extra = replace(trace.leaves[0], id=len(trace.leaves), name="unused")
    row = Accumulation(extra.id, None, None, None, "unchanged")
    grown = replace(first, accumulations=(*first.accumulations, row))
    outside = _said(replace(trace, leaves=(*trace.leaves, extra), passes=(grown,)))
    assert "note: unused got nothing in pass 1: it is not in its graph." in outside


def test_hook() -> None:
    """A hook that rewrote a gradient is named, and the sum before it stays true."""
    trace = builders.hooked_trace()
    assert "gradient 12 = 6 + 6, a hook made it 24" in render(trace, Options())
    assert "note: a hook at train.py:7 rewrote the gradient of h: 12 arrived, 24 went on." in _said(trace)


def test_autograd_grad() -> None:
    """`autograd.grad` returns gradients and stores none."""
    trace = builders.linear_trace()
    rows = tuple(replace(row, after=None, effect="not stored") for row in trace.passes[0].accumulations)
    one = replace(trace.passes[0], call="autograd.grad", accumulations=rows)
    text = render(replace(trace, passes=(one,)), Options())
    assert re.search(r"leaf +shape +value +returned\n", text)
    assert "note: autograd.grad returns the gradients; it leaves every .grad as it was.\n" in text
    assert "W and b: no .grad: autograd.grad returned it." in text


def test_the_first_lines_say_what_was_measured_of_which_passes() -> None:
    """The root of the last counted pass is known; norms end with the last pass that was recorded in full."""
    trace = builders.product_trace()
    last = trace.passes[-1]
    counted = replace(
        last, index=last.index + 1, count=20, roots=(), graph=None, recorded=Recorded.LEDGER, last_value=0.25
    )
    rows = tuple(replace(row, contribution=None, before=None, after=None) for row in counted.accumulations)
    trace = replace(trace, run=replace(trace.run, expression=None))
    trace = replace(trace, passes=(*trace.passes, replace(counted, accumulations=rows)))
    said = render(trace, Options(width=200))
    assert "0.5 → 0.5 → 0.5 → 0.25 in passes 1, 2, 3, 23   (passes 1-23: " in said
    assert "(of all that a pass adds to .grad; not measured after pass 3)" in said


def test_counted_passes() -> None:
    """Passes of which only the ledger is known are counted."""
    trace = builders.module_net_trace()
    rest = replace(trace.passes[2], recorded="ledger", graph=None, count=98, roots=())
    said = _said(replace(trace, passes=(*trace.passes[:2], rest)))
    assert "train.py ran 100 backward passes, 2 recorded in full, the others only counted." in said
    assert "loss 0.1897 → 0.1897 in passes 1, 2 (passes 1-100: loss.backward() at train.py:31)" in said


def test_several_places_of_backward() -> None:
    """Each place that starts passes has its line; numbers that alternate are told as they are."""
    trace = builders.module_net_trace()
    other = at(40, "    penalty.backward()")
    passes = (trace.passes[0], replace(trace.passes[1], location=other), trace.passes[2])
    text = render(replace(trace, passes=passes), Options())
    assert "  loss           0.1897 → 0.1897   (passes 1, 3: loss.backward() at train.py:31)\n" in text
    assert "  loss           0.1897   (pass 2: penalty.backward() at train.py:40)\n" in text


def test_shared_parameter_in_a_folded_table() -> None:
    """Where the table is folded, a parameter that is used at several places is told apart as a sum."""
    tape = Tape()
    value = tape.leaf("net.shared.weight", scalar(2))
    total = value
    for number in range(30):
        tape.inside(f"net.layers.{number}", "Layer")
        total = tape.add(total, tape.leaf(f"net.layers.{number}.weight", scalar(1)))
    root = tape.mul(total, value)
    story = builders.Story(tape, builders.run())
    story.backward(tape, root)
    text = render(story.trace(), Options())
    assert re.search(r"net\.shared\.weight: 34 = 32 via mul .*\+ 2 via add ", " ".join(text.split()))


def test_ways_into_a_leaf_are_counted() -> None:
    """From one place many gradients are told together, and paths that part before a leaf by where they meet."""
    tape = Tape()
    w = tape.leaf("w", scalar(2))
    total = w
    for _ in range(5):
        total = tape.add(total, w)
    x = tape.mul(total, total, name="x")
    story = builders.Story(tape, builders.run())
    story.backward(tape, tape.mul(x, x))
    said = " ".join(render(story.trace(), Options()).split())
    assert "w, by way of x" not in said
    assert "(24 paths in all)" in said


def test_missing_pass() -> None:
    """Asking for a pass that is not there is an error that says what to do."""
    trace = builders.product_trace()
    with pytest.raises(RenderError, match=r"^there is no pass 7: the run has 3 passes$"):
        render(trace, Options(pass_index=7))
    counted = BackwardPass(4, "Tensor.backward", None, (), False, False, "ledger", count=10)
    with pytest.raises(RenderError) as caught:
        render(replace(trace, passes=(*trace.passes, counted)), Options(pass_index=9))
    assert str(caught.value) == (
        "pass 9 has no graph to show: only what happened to the leaves was recorded. "
        "Run again with --passes 9 to record it in full. Passes with a graph: 1-3"
    )


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_width(make: object, width: int) -> None:
    """No line is wider than asked for, whatever the trace holds."""
    text = render(make(), Options(width=width))  # type: ignore[operator]
    assert max(map(cell_len, text.splitlines())) <= width


@pytest.mark.parametrize("make", ALL)
def test_plain_by_default(make: object) -> None:
    """A pipe gets printable characters and line breaks, nothing else."""
    assert render(make(), Options()).replace("\n", "").isprintable()  # type: ignore[operator]


@pytest.mark.parametrize("make", ALL)
def test_same_bytes(make: object) -> None:
    """The same trace gives the same text."""
    assert render(make(), Options()) == render(make(), Options())  # type: ignore[operator]


def test_colour() -> None:
    """Colours are added without changing a character."""
    trace = builders.non_finite_trace()
    colored = render(trace, Options(color=True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(trace, Options())
    assert "\x1b[1;31m" in colored  # the non-finite gradient


def test_ascii_only() -> None:
    """Terminals without Unicode get the same in ASCII."""
    text = render(builders.product_trace(), Options(ascii_only=True))
    assert text.isascii()
    assert "|- mul   w * w" in text
    assert "= 1 x y (2)" in text


def test_hostile_text_is_inert_and_readable() -> None:
    """Control characters are shown, long words are cut, markup stays text."""
    text = render(builders.hostile_trace(), Options(width=120))
    assert "\\x1b[31mred" in text
    assert "[red]x[/red]" in text
    assert "x" * 300 not in text
    assert len(text) < 40_000


def test_markdown() -> None:
    """For an issue: headings, tables, and the tree in a code block."""
    text = render(builders.linear_trace(), Options(markdown=True))
    assert (
        "### What pass 1 added\n\n| leaf | shape | value | .grad before | this pass adds | .grad after |\n| --- |"
        in text
    )
    assert "```text\n  sum   loss = h.sum()" in text
    assert "**note:** h = F.linear\\(x, W, b\\) is not a leaf" in text


def test_markdown_is_inert() -> None:
    """User text neither opens tags nor closes the code block that holds it."""
    text = render(builders.hostile_trace(), Options(markdown=True))
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "<script" not in outside
    trace = builders.hostile_trace(("a````b",))
    assert "`````text\n" in render(trace, Options(markdown=True))


def test_pass_error_without_a_program_error() -> None:
    """A pass that raised in a program that went on is told with its message."""
    trace = builders.linear_trace()
    one = replace(trace.passes[0], error=PassError("RuntimeError", "no gradient for you"))
    assert _said(replace(trace, passes=(one,))).startswith("error: pass 1 raised RuntimeError: no gradient for you")


@pytest.mark.parametrize("make", [builders.linear_trace, builders.product_trace, builders.failed_trace])
@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("style", [{}, {"color": True}, {"ascii_only": True}])
def test_no_fact_is_lost_on_narrow_lines(make: Callable[[], Trace], width: int, style: dict[str, bool]) -> None:
    """What does not fit beside the rest stands below it: every word of a wide story is in a narrow one."""
    wide = render(make(), Options(width=400, **style))
    narrow = render(make(), Options(width=width, **style))
    assert _words(wide) - _words(narrow) <= {"Run", "without", "zeroing:", "After", "closed", "form"}
    assert max(len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in narrow.splitlines()) <= width


def _words(text: str) -> set[str]:
    return set(re.sub("\x1b\\[[0-9;]*m", " ", text).split())


def test_the_first_lines_are_few_and_lose_no_name() -> None:
    """With long names of several losses, in 80 columns and in 60, where a title that is too long stands above."""
    trace = builders.product_trace()
    names = ("loss_of_the_discriminator_real", "loss_of_the_discriminator_fake", "loss_of_the_generator")
    passes = tuple(
        replace(
            one,
            location=builders.at(20 + number, f"{name}.backward(retain_graph=True)"),
            roots=tuple(replace(root, name=name) for root in one.roots),
        )
        for number, (one, name) in enumerate(zip(trace.passes, names, strict=True))
    )
    many = tuple(replace(one, index=one.index + 3 * n) for n in range(5) for one in passes)
    trace = replace(trace, run=replace(trace.run, expression=None), passes=many)
    for width, most in ((80, 15), (60, 20)):
        first = render(trace, Options(width=width)).split("What happened to .grad")[0]
        assert first.rstrip().count("\n") < most
        assert all(f"{name}" in first for name in names)


def test_rates_of_groups_are_not_told_as_a_change() -> None:
    """Each group has its own; only what changed from step to step has an arrow."""
    trace = builders.accumulate_trace()

    def told(*rates: tuple[float, float]) -> str:
        steps = tuple(
            StepFact(n, 4, 4, 0, "SGD.step", groups=tuple(ParameterGroup((("lr", rate),)) for rate in pair))
            for n, pair in enumerate(rates)
        )
        said = render(replace(trace, steps=steps), Options(width=200))
        return next(line for line in said.splitlines() if "stepped by" in line)

    assert "(lr 0.1 and 0.01)" in told((0.1, 0.01), (0.1, 0.01))
    assert "(lr 0.1 → 0.05 and 0.01)" in told((0.1, 0.01), (0.05, 0.01))
    assert "(lr 0.1)" in told((0.1, 0.1))

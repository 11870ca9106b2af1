"""The answer in words: the first line answers, the evidence follows, and nothing in it can act."""

import json
from dataclasses import replace

import pytest
from builders import (
    HOSTILE,
    Story,
    Tape,
    at,
    chain,
    hostile_trace,
    module_net_trace,
    product_trace,
    run,
    scalar,
    tensor,
    trace_of,
)

from gradtrace.analysis.reasons import why
from gradtrace.errors import UnknownNameError
from gradtrace.model import (
    Cut,
    Event,
    EventKind,
    Leaf,
)
from gradtrace.renderers.why.reason import Options, render


def _told(trace, name, **options):
    return render(why(trace, name), Options(**options))


def _cut_trace(kind="detach", call="detach", text="code = encoder(x).detach()"):
    tape = Tape()
    w = tape.leaf("w", scalar(0.5))
    h = tape.mul(w, tape.constant(scalar(2)), name="h", location=at(20, "h = w * code", "w * code"))
    story = Story(tape, run())
    story.backward(tape, h, location=at(21, "h.backward()"))
    trace = story.trace()
    leaf = Leaf(1, "encoder.weight", "parameter", (2,), "float32")
    cut = Cut(
        0,
        kind,
        call,
        at(18, text, text.partition("= ")[2]),
        "encoder(x)",
        "code",
        (1,),
        3,
        at(20, "h = w * code", "w * code"),
        (1,),
    )
    return replace(trace, leaves=(*trace.leaves, leaf), cuts=(cut,))


def test_the_story_of_a_leaf():
    """How much, by which ways, and step by step."""
    assert _told(product_trace(), "w") == (
        "  w has a gradient: pass 1 added 2 to its .grad.\n"
        "  It comes by 2 ways, which add up to 2:\n"
        "\n"
        "  1  through mul at <expression>:1, as its left factor   w * w\n"
        "  1  through mul at <expression>:1, as its right factor  w * w\n"
        "\n"
        "  The largest, step by step, with the gradient that arrives at each:\n"
        "\n"
        "  1  mul  <expression>:1  w * w * y\n"
        "  2  mul  <expression>:1  w * w\n"
        "  2  w                    leaf\n"
        "\n"
        "  Passes 1-3 add to it.\n"
        "  Over the run: zeroed once, before pass 3, by Module.zero_grad.\n"
    )


def test_the_story_of_a_cut():
    """The line of the cut, where its result came back, the way to the root, and what to do."""
    assert _told(_cut_trace(), "encoder.weight") == (
        "  encoder.weight has no .grad because detach() at train.py:18 cut encoder(x) off.\n"
        "\n"
        "  train.py:18  code = encoder(x).detach()\n"
        "                      ^^^^^^^^^^^^^^^^^^^\n"
        "\n"
        "  The result came back as a constant at train.py:20 (3 times):\n"
        "\n"
        "  train.py:20  h = w * code\n"
        "                   ^^^^^^^^\n"
        "\n"
        "  help: Remove it, or detach only a copy that is used for something else, such as logging. If that\n"
        "        is meant, nothing needs to change.\n"
    )


@pytest.mark.parametrize(
    ("kind", "call", "clause"),
    [
        ("data", "data", ".data at train.py:18 took the bare value of encoder(x)."),
        ("item", "item", "item() at train.py:18 made a Python number of encoder(x)."),
        ("number", "__float__", "float() at train.py:18 made a Python number of encoder(x)."),
        ("numpy", "numpy", "numpy() at train.py:18 made an array of encoder(x)."),
        ("new_tensor", "tensor", "torch.tensor() at train.py:18 copied the numbers of encoder(x) into a new tensor."),
        ("parameter", "Parameter", "nn.Parameter() at train.py:18 made a new leaf of encoder(x)."),
        ("no_grad", "linear", "linear() at train.py:18 ran while gradients were off."),
        ("inference_mode", "linear", "linear() at train.py:18 ran in inference mode."),
        ("not_differentiable", "argmax", "argmax() at train.py:18 gives integers or booleans, which have no gradient."),
        ("something_new", "frobnicate", "frobnicate() at train.py:18 cut encoder(x) off."),
    ],
)
def test_every_kind_of_cut_has_its_words(kind, call, clause):
    """Also one that a newer recording may bring."""
    text = " ".join(_told(_cut_trace(kind, call), "encoder.weight", width=300).split())

    assert text.startswith(f"encoder.weight has no .grad because {clause}")


def test_the_zero_factor_is_named():
    """As the source names it."""
    tape = Tape()
    w = tape.leaf("w", tensor([1, 2]))
    product = tape.mul(tape.constant(tensor([0, 0])), w, location=at(3, "h = mask[0] * w", "mask[0] * w"))
    story = Story(tape, run())
    story.backward(tape, tape.sum(product, name="loss"), location=at(5, "loss.backward()"))

    first = "w has a .grad of exact zeros because mask[0] is zero in the product at train.py:3."
    assert _told(story.trace(), "w").startswith(f"  {first}\n")


def test_a_frozen_leaf():
    """Who froze it."""
    trace = _cut_trace()
    leaf = replace(trace.leaves[1], requires_grad=False)
    place, call = at(2, "p.requires_grad = False"), "requires_grad = False"
    event = Event(9, EventKind.REQUIRES_GRAD, 0, (1,), place, call=call, requires_grad=False)
    text = _told(replace(trace, leaves=(trace.leaves[0], leaf), events=(*trace.events, event)), "encoder.weight")

    assert text.startswith(
        "  encoder.weight has no .grad because it does not require grad: requires_grad = False at train.py:2\n"
        "  switched it off.\n"
    )


def test_a_result():
    """Not a leaf: what went through it, and how to keep that."""
    text = _told(_cut_trace(), "h")

    assert "h has no .grad because it is not a leaf: mul at train.py:20 made it" in text
    assert "Pass 1 begins there, with gradient 1." in text


def test_repetitions_of_a_line_are_counted():
    """A loop of 500 turns is one line."""
    assert "1  neg ×500  train.py:3" in _told(trace_of(chain(500)), "x")


def test_many_tensors_with_a_gradient_are_a_table():
    """One line each."""
    text = _told(module_net_trace(), "*.weight")

    assert "8 tensors with a gradient:" in text
    assert text.count("net.layers.") == 6


def test_a_long_way_is_cut_in_its_middle():
    """And told in full when more is asked for."""
    tape = Tape()
    value = tape.leaf("start", scalar(1))
    for line in range(500):
        value = tape.add(value, tape.constant(scalar(1)), location=at(line + 1, "x = x + 1", "x + 1"))
    trace = trace_of(tape.backward(value)[0])

    assert "489 more steps" in _told(trace, "start")
    assert len(_told(trace, "start").splitlines()) < 40
    assert "more steps" not in _told(trace, "start", verbose=True)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", ["encoder.weight", "w", "h", "code"])
def test_no_line_is_wider_than_the_terminal(width, name):
    """Whatever is told."""
    assert max(map(len, _told(_cut_trace(), name, width=width).splitlines())) <= width


def test_ascii_alone():
    """For terminals that can do no more."""
    assert _told(module_net_trace(), "*", ascii_only=True).isascii()


@pytest.mark.parametrize("format_", ["text", "markdown", "json"])
@pytest.mark.parametrize("name", ["*", "[!a]*", HOSTILE[1]])
def test_hostile_text_is_inert(format_, name):
    """Control characters, markup, direction marks, surrogates, ten thousand characters."""
    trace = hostile_trace()
    cuts = tuple(
        Cut(i, text, text, at(1, f"a = {text}"[:50]), text, text, (0,), reentry=None) for i, text in enumerate(HOSTILE)
    )
    frozen = tuple(replace(leaf, requires_grad=False) for leaf in trace.leaves)
    for one in (trace, replace(trace, cuts=cuts), replace(trace, passes=(), leaves=frozen, cuts=cuts)):
        try:
            text = _told(one, name, format=format_)
        except UnknownNameError:  # an answer too
            continue
        assert all(line.isprintable() for line in text.splitlines() if line)
        text.encode()
        if format_ == "markdown":
            assert "<script>" not in text


def test_json_is_strict_and_complete():
    """The message, the place and the ways, for other programs."""
    document = json.loads(_told(product_trace(), "w", format="json"))
    (answer,) = document["answers"]

    assert (document["format"], document["version"], document["asked"]) == ("gradtrace-answer", [2, 1], "w")
    assert (answer["names"], answer["reason"], answer["gradient"]["value"]) == (["w"], "gradient", 2.0)
    assert answer["message"] == "w has a gradient: pass 1 added 2 to its .grad."
    assert (answer["ways"]["paths"], len(answer["ways"]["ways"])) == (2, 2)


def test_the_same_bytes_every_time():
    """Nothing depends on the moment."""
    assert _told(_cut_trace(), "*", format="json") == _told(_cut_trace(), "*", format="json")

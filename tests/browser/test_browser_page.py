"""The page in a real browser: what a person does, and what they see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import builders
import pytest
from builders import at

from gradtrace.model import (
    CompiledOp,
    CompiledRegion,
    Finding,
    GraphBreak,
    Recomputed,
    RecordedProcess,
    TensorStats,
    Trace,
)

Show = Callable[..., Any]


def test_page_opens_with_the_run(show: Show) -> None:
    """Title, counts, the pass, its root and the leaves with what each pass added stand there at once."""
    page = show(builders.product_trace())
    assert page.text("h1") == "w * w * y"
    assert page.text("#subtitle").startswith("3 passes · 2 leaves · 4 nodes")
    assert "root mul = 0.5, where backward starts with 1" in page.text("#panel")
    assert page.text("[aria-selected=true]") == "Leaves"
    assert page.run("return [...document.querySelectorAll('.leafrow b')].map((name) => name.innerText)") == ["w", "y"]
    assert page.run("return document.querySelectorAll('.leafrow:first-of-type .chart .add').length") == 3
    assert "norm of all gradients" in page.run("return document.querySelector('#panel > .chart').textContent")
    assert page.run("return document.getElementById('nothing').hidden")


def test_another_rank_can_be_chosen(show: Show) -> None:
    """The page begins anew with what that rank did, at the pass that was shown; the address leads there."""
    trace = builders.product_trace()
    processes = tuple(RecordedProcess(rank, 10 + rank, rank, 2) for rank in range(2))
    whole = replace(trace, run=replace(trace.run, processes=processes))
    ranks = [
        replace(trace, run=replace(trace.run, target=f"of_{rank}.py", expression=None, processes=(one,)), whole=whole)
        for rank, one in enumerate(processes)
    ]
    page = show(ranks[0], "#pass=2", other_ranks=(ranks[1],))
    assert page.text("h1") == "of_0.py"
    page.run(
        """const rank = document.getElementById("rank");
        rank.value = "1";
        rank.dispatchEvent(new Event("change"));"""
    )
    page.until("document.querySelector('h1').innerText === 'of_1.py'")
    assert page.text("[aria-current]") == "pass 2"
    assert page.run("return [location.hash, document.getElementById('rank').value]") == ["#rank=1&pass=2", "1"]


def test_a_compiled_region_tells_what_is_inside(show: Show) -> None:
    """Its ops with what each gave when it was run again, why not more, and the graph breaks before it."""
    trace = builders.product_trace()
    first = trace.passes[0]
    assert first.graph is not None
    ops = (
        CompiledOp("aten.mul.Tensor", (2,), "float32", at(3, "w * w")),
        CompiledOp("aten.rand.default", (2,), "float32"),
    )
    region = CompiledRegion(0, "inductor", ops, (GraphBreak("called print", at(2, "print(w)")),))
    value = TensorStats((2,), "float32", 2, 0.625, value=[0.5, 0.375])
    known = Recomputed((value, None), "aten.rand.default draws random numbers")
    node = replace(first.graph.nodes[0], region=region, recomputed=known)
    graph = replace(first.graph, nodes=(node, *first.graph.nodes[1:]))
    trace = replace(trace, passes=(replace(first, graph=graph), *trace.passes[1:]))
    panel = show(trace, "#pass=1&node=0").text("#panel")
    for text in (
        "Values inside are recomputed",
        "mul.Tensor",
        "[0.5, 0.375]",
        "aten.rand.default draws",
        "called print",
    ):
        assert text in panel


def test_page_opens_with_the_pass_that_was_asked_for(show: Show) -> None:
    """`render --pass 2`; the address still leads elsewhere."""
    page = show(builders.product_trace(), pass_index=2)
    assert page.text("[aria-current]") == "pass 2"
    page = show(builders.product_trace(), "#pass=3", pass_index=2)
    assert page.text("[aria-current]") == "pass 3"


def test_picture_is_drawn(show: Show) -> None:
    """The canvas holds more than its background, in the leaf's colour too."""
    page = show(builders.product_trace())
    colours = page.run(
        """const canvas = document.getElementById("canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const seen = new Set();
        for (let i = 0; i < data.length; i += 4) seen.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
        return [...seen];"""
    )
    assert {"255,255,255", "224,244,236", "0,121,90"} <= set(colours)


def test_a_node_tells_what_arrived_and_what_it_sent(show: Show) -> None:
    """Deep link to a node: source, derivative, received, sent per slot, saved."""
    panel = show(builders.product_trace(), "#pass=1&node=0").text("#panel")
    assert "MulBackward0" in panel
    assert "w * w * y" in panel
    assert "backward starts here" in panel
    assert "slot 0, self" in panel
    assert "slot 1, other" in panel
    assert "multiplied by the other factor" in panel


def test_a_leaf_tells_its_ledger(show: Show) -> None:
    """Deep link to a leaf by name: before, added, after, the sum of its edges, the chart, what happened to it."""
    page = show(builders.product_trace(), "#pass=2&leaf=w")
    steps = page.run("return [...document.querySelectorAll('.steps div')].map((cell) => cell.innerText)")
    assert steps == ["before\n2", "this pass adds\n2", "after\n4"]
    assert "1 + 1 = 2" in page.text("#panel")
    assert "Module.zero_grad: .grad becomes None" in page.text("#panel")
    assert page.run("return document.querySelectorAll('.chart .add').length") == 3


def test_deep_link_follows_what_is_shown(show: Show) -> None:
    """The address always leads back to what one sees."""
    page = show(builders.product_trace())
    page.keys("ArrowDown", "ArrowUp")
    assert page.run("return location.hash") == "#pass=1&node=1"
    page.run("location.hash = '#pass=3&leaf=1'")
    page.until("document.querySelector('#panel h2').textContent === 'y'")
    assert page.text("[aria-current]") == "pass 3"


def test_keys_walk_along_the_edges(show: Show) -> None:
    """Arrow keys go from the root to a leaf, along the strongest gradient first, and say where they are."""
    page = show(builders.product_trace())
    seen = []
    for key in ("ArrowDown", "ArrowUp", "ArrowUp", "ArrowDown"):
        page.keys(key)
        seen.append(page.text("#panel h2"))
    assert seen == ["mul", "mul", "w", "mul"]
    assert page.run("return document.getElementById('status').textContent") == "mul, node, gradient 2"


def test_a_closed_module_opens_and_closes(show: Show) -> None:
    """Enter opens the chosen box, Backspace closes the one around."""
    page = show(builders.module_net_trace(30, 2))
    page.run("location.hash = '#pass=1&box=4'")
    page.until("document.querySelector('#panel h2')?.textContent === '0'")
    page.keys("Enter")
    assert page.run("return document.getElementById('status').textContent") == "0 is open"
    page.keys("Enter")
    assert page.run("return document.getElementById('status').textContent") == "0 is closed"


@pytest.mark.parametrize(
    ("options", "was_open"),
    [({"depth": 0}, False), ({"depth": 9}, True), ({"depth": 0, "expand": ("net.layers.5",)}, True)],
)
def test_modules_are_open_as_was_asked_for(show: Show, options: dict[str, Any], was_open: bool) -> None:
    """`--depth` and `--expand` choose what is open at first: one key then closes what was open, or opens it."""
    page = show(builders.module_net_trace(12), **options)
    page.run("document.getElementById('search').value = 'net.layers.5.fc0'")
    page.run("document.getElementById('search').dispatchEvent(new Event('input'))")
    page.run("document.querySelector('#found li').dispatchEvent(new MouseEvent('mousedown'))")
    assert page.text("#panel h2") == "fc0"
    page.keys("Enter")
    status = page.run("return document.getElementById('status').textContent")
    assert status == ("fc0 is closed" if was_open else "fc0 is open")


def test_a_narrowed_page_says_so(show: Show) -> None:
    """`--focus` leaves things out: title bar and panel name the leaf that is left."""
    page = show(builders.module_net_trace(1), focus="net.head.bias")
    assert "only what leads to net.head.bias" in page.text("#subtitle")
    assert "Only what leads to net.head.bias is on this page" in page.text("#panel")
    page.click("#tab-leaves")
    assert "not on this page" in page.text("#panel")


def test_search_finds_names_ops_and_lines(show: Show) -> None:
    """Leaves, modules, ops and source lines are found as one types; Enter goes there."""
    page = show(builders.module_net_trace())
    found = {}
    for words in ("head.w", "relu", "net.py:14", "layers.1", "no such thing"):
        page.run(
            """const input = document.getElementById("search");
            input.value = arguments[0];
            input.dispatchEvent(new Event("input"));""",
            words,
        )
        found[words] = page.run("return [...document.querySelectorAll('#found li')].map((item) => item.textContent)")
    assert found["head.w"] == ["net.head.weightleaf f32[2,5]"]
    assert len(found["relu"]) == 6
    assert all("net.py:14" in item for item in found["net.py:14"])
    assert found["layers.1"][0].startswith("net.layers.1")
    assert found["no such thing"] == ["nothing found"]
    page.run(
        """const input = document.getElementById("search");
        input.value = "relu";
        input.dispatchEvent(new Event("input"));
        input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));"""
    )
    assert page.text("#panel h2").startswith("relu")


def test_scrubbing_shows_the_pass_step_by_step(show: Show) -> None:
    """The slider stands for the engine's steps in their order; the text says what each node has and sends."""
    page = show(builders.product_trace())
    seen = []
    for step in range(5):
        page.run(
            """const time = document.getElementById("time");
            time.value = arguments[0];
            time.dispatchEvent(new Event("input"));""",
            step,
        )
        seen.append(page.text("#moment"))
    assert seen == [
        "Step 1 of 4: mul (<expression>:1) has 1, sends 2 to mul, 0.25 to y",
        "Step 2 of 4: y gets 0.25: .grad None → 0.25",
        "Step 3 of 4: mul (<expression>:1) has 2, sends 1 to w, 1 to w",
        "Step 4 of 4: w gets 2: .grad None → 2",
        "The pass is over: 4 steps. Space plays it.",
    ]


def test_playback_runs_through_the_pass(show: Show) -> None:
    """Play starts at the first step, shows each, goes on to the next pass, and stops when asked."""
    page = show(builders.product_trace())
    page.run("document.getElementById('speed').value = '3'")
    page.click("#play")
    page.until("document.getElementById('moment').textContent.startsWith('Step 3')")
    page.until("document.querySelector('[aria-current]').textContent === 'pass 3'")
    page.click("#play")
    assert page.run("return document.getElementById('play').getAttribute('aria-label')") == "Play the backward pass"


def test_events_between_passes_can_be_stepped_through(show: Show) -> None:
    """After the last step come step() and zero_grad(), in words."""
    page = show(builders.accumulate_trace(), "#pass=4")
    page.keys(".")
    first = page.text("#moment")
    page.keys(".")
    assert [first, page.text("#moment")] == [
        "SGD.step: parameters are updated from .grad",
        "SGD.zero_grad: .grad becomes None",
    ]


def test_tables_hold_the_same_facts(show: Show) -> None:
    """Leaves, nodes and events as tables with captions and headers."""
    page = show(builders.product_trace(), "#pass=2&view=tables")
    rows = page.run(
        """return [...document.querySelectorAll("#tables tbody tr")]
          .map((row) => [...row.cells].map((cell) => cell.textContent))"""
    )
    assert ["w", "f32[]", "2", "2", "4", "accumulated"] in rows
    assert ["mul", "", "<expression>:1", "f32[]", "3", "2", "1 to w; 1 to w"] in rows
    assert page.run("return [...document.querySelectorAll('#tables table')].every((table) => table.tHead)")


def test_landmarks_and_names_for_screen_readers(show: Show) -> None:
    """One main, one heading of first rank, and every control has a name."""
    page = show(builders.product_trace())
    unnamed = page.run(
        """return [...document.querySelectorAll("button, input, select, canvas, [role]")]
          .filter((element) => !["presentation", "status"].includes(element.getAttribute("role")))
          .filter((element) => !element.getAttribute("aria-label") && !element.textContent.trim())
          .map((element) => element.outerHTML)"""
    )
    assert unnamed == []
    assert (
        page.run(
            "return ['main', 'header', 'aside', 'footer', 'h1'].map((tag) => document.querySelectorAll(tag).length)"
        )
        == [1] * 5
    )
    assert page.run("return document.documentElement.lang") == "en"


def test_findings_jump_to_their_place(show: Show) -> None:
    """A finding stands in the list, and leads to the node of its line and pass."""
    trace = builders.module_net_trace()
    finding = Finding(
        "dead-relu", "warning", "the relu is dead", at(13, "        x = torch.relu(x)", "torch.relu(x)", "net.py"),
        help="look at it", passes=(2,),
    )  # fmt: skip
    page = show(replace(trace, findings=(finding,)))
    assert page.text("#tab-findings") == "Findings (1)"
    assert "1 finding: the relu is dead" in page.text("#panel")
    page.click("#tab-findings")
    page.click(".finding button")
    assert page.text("[aria-current]") == "pass 2"
    assert page.text("#panel h2").startswith("relu")
    assert "the relu is dead" in page.text("#panel")


def test_a_failed_pass_is_shown_first(show: Show) -> None:
    """With torch's own words and the node at which it failed."""
    page = show(builders.failed_trace())
    assert page.text("[aria-current]") == "pass 2 ✕"
    assert "modified by an inplace operation" in page.text("#panel")
    page.run("location.hash = '#pass=2&node=1'")
    page.until("document.querySelector('#panel h2').textContent.startsWith('exp')")
    assert "RuntimeError" in page.text("#panel")


def test_a_run_without_passes_says_so(show: Show) -> None:
    """Instead of an empty picture."""
    page = show(builders.empty_trace())
    assert page.text("#nothing") == "No backward pass was recorded.\nthe program never ran a backward pass"


def test_a_pass_of_the_ledger_alone_has_its_leaves(show: Show) -> None:
    """No graph was kept, and the page says so and shows what happened to the leaves."""
    trace = builders.product_trace()
    last = replace(trace.passes[2], graph=None, recorded="ledger", count=5)
    page = show(replace(trace, passes=(*trace.passes[:2], last)), "#pass=5&leaf=0")
    assert page.text("[aria-current]") == "passes 3-7"
    assert "recorded in the ledger only" in page.text("#nothing")
    assert "this pass adds" in page.text("#panel")


def test_a_pass_that_was_only_counted_shows_no_numbers(show: Show) -> None:
    """What was not measured is not called None."""
    trace = builders.product_trace()
    rows = tuple(
        replace(row, before=None, contribution=None, after=None, effect="created")
        for row in trace.passes[2].accumulations
    )
    last = replace(trace.passes[2], graph=None, recorded="ledger", count=5, accumulations=rows)
    page = show(replace(trace, passes=(*trace.passes[:2], last)), "#pass=5&leaf=0")
    assert "its numbers were not measured" in page.text("#panel")
    assert "5 more passes added to it: counted, not measured" in page.text("#panel")
    page.click("#tab-leaves")
    assert "None" not in page.text("#panel")
    page.click("#show-tables")
    assert "not measured" in page.text("#tables table")


def test_a_cut_says_where_the_value_left(show: Show) -> None:
    """It can be chosen, found in the tables, and leads to the leaves that get nothing and to what took it in."""
    page = show(builders.cut_trace(), "#cut=0")
    assert page.text("#panel h2") == "cut detach() z"
    assert "detach() at" in page.text("#panel")
    assert "enc.weight" in page.text("#panel")
    page.keys("ArrowDown")
    assert page.text("#panel h2").endswith(" h")
    page.click("#show-tables")
    assert "Cuts in pass 1" in page.text("#tables")
    page.run("location.hash = '#cut=1'")
    assert page.errors() == []


def test_without_facts_the_findings_say_that_nothing_was_looked_for(show: Show) -> None:
    """An empty list would be taken for a clean bill."""
    trace = builders.product_trace()
    page = show(trace)
    page.click("#tab-findings")
    assert "nothing was looked for" in page.text("#panel")
    page = show(replace(trace, run=replace(trace.run, facts=True)))
    page.click("#tab-findings")
    assert "Nothing was found" in page.text("#panel")


def test_hostile_text_does_nothing_and_can_be_read(show: Show) -> None:
    """No dialog, no element from the data, no hidden character; names readable in panel, tables and search."""
    trace = builders.hostile_trace()
    page = show(trace, "#view=tables")
    assert page.run("return document.querySelectorAll('script, iframe, img').length") == 1
    text = page.text("body")
    assert "</script><script>alert(1)</script>" in text
    assert r"\u202e" in text
    assert not page.run(r"return /[\u0000-\u0008\u202a-\u202e\ud800-\udfff]/u.test(document.body.textContent)")
    for node in range(len(trace.passes[0].graph.nodes)):  # type: ignore[union-attr]
        page.run("location.hash = arguments[0]", f"#pass=1&node={node}")
        page.until(f"location.hash.includes('={node}') || location.hash.includes('leaf=')")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_a_phone_shows_picture_and_leaves(show: Show) -> None:
    """At 400 pixels nothing is wider than the screen, and picture, leaves and playback are there."""
    page = show(builders.module_net_trace())
    page.size(400, 800)
    heights = page.run(
        """return ["#picture", "#panel", "#moment", ".transport"]
          .map((part) => document.querySelector(part).getBoundingClientRect().height)"""
    )
    wide = page.run("return document.documentElement.scrollWidth <= innerWidth && innerWidth === 400")
    page.size(0, 0)
    assert wide
    assert [height > least for height, least in zip(heights, (200, 180, 10, 30), strict=True)] == [True] * 4


def test_dark_and_light(show: Show) -> None:
    """The button switches page and picture."""
    page = show(builders.product_trace())
    before = page.run("return getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    after = page.run("return getComputedStyle(document.body).backgroundColor")
    assert {before, after} == {"rgb(255, 255, 255)", "rgb(20, 24, 29)"}


@pytest.mark.parametrize("name", ["chain", "net"])
def test_large_graphs_open_and_expand(show: Show, name: str) -> None:
    """20,000 nodes: few boxes at first, and each opens."""
    trace: Trace = {
        "chain": lambda: builders.trace_of(builders.chain(20_000)),
        "net": lambda: builders.module_net_trace(1_000, 6),
    }[name]()
    page = show(trace)
    assert "nodes" in page.text("#subtitle")
    page.run("location.hash = arguments[0]", "#pass=1&box=4")
    page.until("location.hash.includes('box=4')")
    before = page.run("return document.getElementById('status').textContent")
    page.keys("Enter")
    assert page.run("return document.getElementById('status').textContent") != before
    assert " is open" in page.run("return document.getElementById('status').textContent")

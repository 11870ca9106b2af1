"""The page as a file: what stands in it, what does not, and that its data is the trace."""

from __future__ import annotations

import base64
import copy
import gzip
import hashlib
import json
import math
import re
import struct
from array import array
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from typing import Any

import builders
import page_cases
import pytest

from gradtrace.analysis.blocks import block_tree
from gradtrace.errors import RenderError
from gradtrace.model import Graph, Node, Trace
from gradtrace.renderers.page import data as page_data
from gradtrace.renderers.page.columns import Columns
from gradtrace.renderers.page.groups import MAX_CHILDREN, Box, boxes, ops_in_order
from gradtrace.renderers.page.op_names import op_names
from gradtrace.renderers.page.page import Options, render


class Page(HTMLParser):
    """The elements of a page, and the text of those that the tests look at."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"script", "style", "title"}:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data


class Data:
    """Reads the container as the page does."""

    def __init__(self, html: str) -> None:
        body = gzip.decompress(base64.b64decode(Page(html).texts["script"][0]))
        (length,) = struct.unpack_from("<I", body)
        self.header: dict[str, Any] = json.loads(body[4 : 4 + length])
        self._columns = body[4 + length :]

    def column(self, reference: list[Any]) -> list[Any]:
        kind, first, count, *rest = reference
        if kind == "c":
            return [first] * count
        code, size = {"i": ("i", 4), "d": ("d", 8), "f": ("f", 4)}[kind]
        planes = self._columns[first : first + count * size]
        raw = bytes(planes[(k % size) * count + k // size] for k in range(count * size))
        numbers: list[Any] = array(code, raw).tolist()
        if kind == "i":
            for k in range(1, count):
                numbers[k] += numbers[k - 1]
        if kind == "f":
            numbers = [None if math.isnan(number) else number for number in numbers]
            for position, value in zip(*rest, strict=True):
                numbers[position] = float(value)
        return numbers

    def texts(self, reference: list[Any]) -> list[str | None]:
        return [None if number < 0 else self.header["texts"][number] for number in self.column(reference)]


def page(trace: Trace) -> str:
    return render(trace, Options())


TRACES = {
    "product": builders.product_trace,
    "module net": builders.module_net_trace,
    "accumulate": builders.accumulate_trace,
    "hostile": builders.hostile_trace,
    "empty": builders.empty_trace,
    "failed": builders.failed_trace,
    "several roots": builders.multi_root_trace,
    "hooked": builders.hooked_trace,
    "non-finite": builders.non_finite_trace,
}


@pytest.mark.parametrize("name", TRACES)
def test_every_trace_gives_one_page_that_parses(name: str) -> None:
    """Whatever the run was, the page has its three scripts and styles, closed, and nothing else that could act."""
    html = page(TRACES[name]())
    parsed = Page(html)
    tags = [tag for tag, _ in parsed.tags]
    assert (tags.count("script"), tags.count("style"), tags.count("title")) == (2, 1, 1)
    assert not {"iframe", "object", "embed", "img", "base", "form"} & set(tags)
    assert html.rstrip().endswith("</html>")


@pytest.mark.parametrize("name", TRACES)
def test_equal_traces_give_equal_bytes(name: str) -> None:
    """Nothing in the page depends on time, addresses or which objects are shared."""
    trace = TRACES[name]()
    assert page(trace) == page(copy.deepcopy(trace))


def test_an_unknown_pass_is_an_error() -> None:
    """It says how many there were."""
    with pytest.raises(RenderError, match=r"^there is no pass 7: the run has 3 passes$"):
        render(builders.product_trace(), Options(pass_index=7))


def test_page_loads_nothing() -> None:
    """No attribute names another file, and the policy forbids what is not in the page, by the hashes of what is."""
    parsed = Page(page(builders.product_trace()))
    links = [value for _, attributes in parsed.tags for key, value in attributes.items() if key in {"src", "href"}]
    assert [link for link in links if link and not link.startswith(("#", "data:"))] == []
    policy = next(
        attributes["content"]
        for tag, attributes in parsed.tags
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for kind, text in (("script", parsed.texts["script"][1]), ("style", parsed.texts["style"][0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_hostile_text_stands_only_in_the_compressed_data() -> None:
    """Of the user's text the HTML holds the title alone, escaped and on one line."""
    trace = builders.hostile_trace()
    html, plain = page(trace), page(builders.product_trace())
    parsed = Page(html)
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", parsed.texts["script"][0])
    assert "alert(1)" in parsed.texts["title"][0]
    without = [
        text.replace(parsed_.texts["script"][0], "").replace(f"<title>{title}</title>", "")
        for text, parsed_ in ((html, parsed), (plain, Page(plain)))
        for title in re.findall(r"<title>(.*?)</title>", text, re.DOTALL)
    ]
    assert without[0] == without[1]


def test_texts_of_the_data_are_visible_characters() -> None:
    """Escape sequences, direction marks and lone surrogates arrive in the page as readable escapes."""
    texts = "".join(Data(page(builders.hostile_trace())).header["texts"])
    assert all(char.isprintable() or char in "\n\t" for char in texts)
    assert r"\x1b[31m" in texts
    assert r"\ud800" in texts
    assert r"\u202e" in texts


def test_page_makes_no_elements_from_markup() -> None:
    """The page's program has no way from data to HTML or code."""
    script = files("gradtrace.renderers.page").joinpath("assets", "page.js").read_text(encoding="utf-8")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "</script"):
        assert way not in script
    assert re.findall(r"https?://[^\"'`]*", script) == ["http://www.w3.org/2000/svg"]


def test_data_holds_the_graph() -> None:
    """The columns give back nodes, edges, order and measurements of the product."""
    trace = builders.product_trace()
    graph = trace.passes[0].graph
    assert graph is not None
    data = Data(page(trace))
    tables = data.header["passes"][0]["graph"]
    assert data.texts(tables["nodes"]["type"]) == [node.type for node in graph.nodes]
    assert data.column(tables["nodes"]["order"]) == [node.order for node in graph.nodes]
    assert data.column(tables["edges"]["target"]) == [edge.target for edge in graph.edges]
    assert data.texts(tables["edges"]["input"]) == [edge.input for edge in graph.edges]
    norms = data.column(data.header["stats"]["norm"])
    assert [norms[row] for row in data.column(tables["edges"]["sent"])] == [2.0, 0.25, 1.0, 1.0]


def test_data_holds_the_ledger() -> None:
    """Before, added and after of every leaf in every pass."""
    data = Data(page(builders.product_trace()))
    values = data.texts(data.header["stats"]["value"])
    shown = [
        [None if row < 0 else values[row] for row in data.column(one["accumulations"][column])]
        for one in data.header["passes"]
        for column in ("before", "added", "after")
    ]
    assert [[value and float(value) for value in row] for row in shown[:6]] == [
        [None, None], [2.0, 0.25], [2.0, 0.25], [2.0, 0.25], [2.0, 0.25], [4.0, 0.5],
    ]  # fmt: skip


def test_formulas_are_in_words() -> None:
    """The page says what an op does to a gradient, for the types that occur and no others."""
    data = Data(page(builders.product_trace()))
    texts = data.header["texts"]
    [(type_, _, backward, gradients)] = data.header["formulas"]
    assert texts[type_] == "MulBackward0"
    assert "multiplied by the other factor" in texts[backward]
    assert [texts[name] for name, _ in gradients] == ["self", "other"]


NUMBERS = [None, 0.0, -0.5, math.inf, -math.inf, 1e300, -1e-300, 3.0, None]


def test_columns_keep_numbers_and_gaps() -> None:
    """None is not NaN, and what 32 bits cannot hold keeps its value; whole numbers of any size are exact."""
    columns = Columns()
    many = [0, -1, 5, 5, 1_000_000]
    huge = [1, 2**40, 3]
    header = {"a": columns.floats(NUMBERS), "b": columns.integers(many), "c": columns.integers(huge)}
    header |= {"d": columns.integers([7, 7]), "e": columns.integers([]), "n": columns.floats([math.nan, None])}
    body = base64.b64encode(columns.pack(header)).decode()
    data = Data(f"<script>{body}</script>")
    assert data.column(data.header["a"]) == NUMBERS
    assert [data.column(data.header[name]) for name in "bcde"] == [many, huge, [7, 7], []]
    nan, nothing = data.column(data.header["n"])
    assert math.isnan(nan)
    assert nothing is None


def test_passes_of_one_structure_share_their_columns() -> None:
    """Three equal graphs cost little more than one."""
    tables = [one["graph"]["edges"]["target"] for one in Data(page(builders.module_net_trace())).header["passes"]]
    assert tables[0] == tables[1] == tables[2]


def boxes_of(graph: Graph) -> tuple[list[Box], list[int]]:
    tree = block_tree(graph)
    return boxes(graph, tree), ops_in_order(graph, tree)


@pytest.mark.parametrize(
    "graph", [builders.module_net(5, 3), builders.chain(30_000), builders.diamond()], ids=["net", "chain", "diamond"]
)
def test_boxes_nest_and_hold_few_things(graph: Graph) -> None:
    """Every box is an unbroken run inside its parent, and none holds more than a person can look at."""
    found, order = boxes_of(graph)
    assert (found[0].start, found[0].end, found[0].parent) == (0, len(order), -1)
    for box in found[1:]:
        around = found[box.parent]
        assert around.start <= box.start < box.end <= around.end
    for i, box in enumerate(found):
        assert len(box.children) <= MAX_CHILDREN
        inner = [other for other in found if other.parent == i] if len(found) < 100 else []
        assert all(a.end <= b.start for a, b in pairwise(inner))


def test_boxes_follow_modules() -> None:
    """A box for each module, with its class; containers that are not called stand with their path."""
    found, _ = boxes_of(builders.module_net(2, 1))
    assert [(box.path, box.type) for box in found[1:]] == [
        ("net", None), ("net.embed", "Linear"), ("net.layers", None), ("net.layers.0", "Block"),
        ("net.layers.0.fc0", "Linear"), ("net.layers.1", "Block"), ("net.layers.1.fc0", "Linear"),
        ("net.head", "Linear"),
    ]  # fmt: skip


def test_a_module_called_twice_is_two_boxes() -> None:
    """So that no arrow between boxes runs in a circle."""
    tape = builders.Tape()
    x = tape.leaf("x", builders.scalar(1))
    for module in ("cell", None, "cell"):
        tape.inside(module, "Cell" if module else None)
        x = tape.unary("NegBackward0", "neg", x, lambda value: -value, lambda _: -1.0)
    found, _ = boxes_of(tape.backward(x)[0])
    assert [(box.path, box.call, box.n_calls) for box in found[1:]] == [("cell", 1, 2), ("cell", 2, 2)]


def test_a_long_loop_is_cut_along_its_iterations() -> None:
    """Three ops, a thousand times: boxes of iterations, and in them one box for each."""
    tape = builders.Tape()
    x = tape.leaf("x", builders.scalar(1))
    for _ in range(1000):
        for line, op in enumerate(("neg", "sin", "exp")):
            type_ = f"{op.title()}Backward0"
            x = tape.unary(
                type_, op, x, lambda value: value, lambda _: 1.0, location=builders.at(line + 1, f"x = {op}(x)")
            )
    found, _ = boxes_of(tape.backward(x)[0])
    single = [box for box in found if re.fullmatch("iteration [0-9,]+", box.label)]
    assert len(single) >= 999
    assert {box.end - box.start for box in single} == {3}


def test_a_cut_stands_at_the_node_that_took_the_value_in() -> None:
    """With what was called, where, and whose gradient ends there."""
    data = Data(page(builders.cut_trace()))
    ((node, call, _, told, place, leaves),) = data.header["passes"][0]["cuts"]
    texts = data.header["texts"]
    names = data.texts(data.header["passes"][0]["graph"]["nodes"]["name"])
    assert names[node] == "h"
    assert texts[call] == "detach()"
    assert "cut z off" in texts[told]
    assert data.column(data.header["places"]["line"])[place] == 3
    assert [texts[data.header["leaves"][leaf]["name"]] for leaf in leaves] == ["enc.weight"]


def test_a_large_run_keeps_the_elements_of_scalars_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so."""
    trace = builders.accumulate_trace()
    whole = Data(page(trace))
    monkeypatch.setattr(page_data, "_MOST_ELEMENTS", 3)
    short = Data(page(trace))
    numels = short.column(short.header["stats"]["numel"])
    values = short.texts(short.header["stats"]["value"])
    assert {numel > 1 for numel, value in zip(numels, values, strict=True) if value is None} == {True}
    assert None not in whole.texts(whole.header["stats"]["value"])
    assert "statistics, not the elements" in short.header["run"]["notes"][-1]
    assert short.header["run"]["notes"][:-1] == whole.header["run"]["notes"]


def test_a_module_to_open_must_be_there() -> None:
    """A slip of the finger is answered before a browser opens."""
    with pytest.raises(RenderError, match=r"net\.layers\.1"):
        render(builders.module_net_trace(), Options(expand=("net.layer.1",)))


def test_the_cases_of_the_page_are_fresh() -> None:
    """`python tests/page_cases.py` writes the file with which the tests of the page's TypeScript begin."""
    kept = json.loads(page_cases.FILE.read_text(encoding="utf-8"))
    fresh = json.loads(json.dumps(page_cases.cases()))

    for one in (kept, fresh):
        columns = one.pop("columns")
        one.update(columns=columns.pop("packed"), expected=columns)
    assert kept.pop("expected") == fresh.pop("expected")
    assert {name: page_cases.unpacked(text) for name, text in kept.items()} == {
        name: page_cases.unpacked(text) for name, text in fresh.items()
    }


def test_what_one_call_of_torch_made_is_one_box() -> None:
    """It opens as a module does; neighbours of other calls stand outside."""
    graph = builders.module_net_trace(1).passes[0].graph
    assert graph is not None
    nodes = [
        replace(node, call_number=7, call="linear", name=None if node.op == "t" else "scores")
        if node.module == "net.head" and node.leaf is None
        else node
        for node in graph.nodes
    ]
    found, order = boxes_of(Graph(tuple(nodes), graph.edges))
    (call,) = [box for box in found if box.kind == "call"]

    assert (call.label, call.type) == ("linear", "scores")
    assert sorted(graph.nodes[node].op for node in order[call.start : call.end]) == ["addmm", "t"]
    assert found[call.parent].path == "net.head"


def test_ops_are_named_by_calls_that_made_no_other() -> None:
    """`batch_norm` for `native_batch_norm`; a `linear` of two nodes keeps torch's own names for both."""
    nodes = (
        Node(0, "NativeBatchNormBackward0", "native_batch_norm", call="batch_norm", call_number=1),
        Node(1, "AddmmBackward0", "addmm", call="linear", call_number=2),
        Node(2, "TBackward0", "t", call="linear", call_number=2),
        Node(3, "MulBackward0", "mul"),
    )
    assert op_names(nodes) == ["batch_norm", "addmm", "t", "mul"]

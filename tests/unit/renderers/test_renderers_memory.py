"""What is said of the memory that a pass keeps."""

import csv
import io
import json
from dataclasses import replace

import builders
import pytest
from builders import at
from golden_files import files
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

import gradtrace
from gradtrace.errors import GradtraceError, NothingSeenError, UsageError
from gradtrace.model import Blind, BlindSpot, Graph, LeafKind, Node, SavedTensor, Storages, Trace
from gradtrace.renderers import schemas


def told(trace: Trace) -> Trace:
    """The same with every saved tensor in a storage of its own, but for those that are leaves."""
    passes = []
    for one in trace.passes:
        assert one.graph is not None
        leaves = {node.id: number for number, node in enumerate(one.graph.nodes, 1) if node.leaf is not None}
        by_leaf = {node.leaf: leaves[node.id] for node in one.graph.nodes if node.leaf is not None}
        saved = [kept for node in one.graph.nodes for kept in node.saved]
        numbers = [by_leaf.get(kept.leaf, 1000 + number) for number, kept in enumerate(saved)]
        graph = replace(one.graph, storages=Storages(numbers, leaves, {}))
        passes.append(replace(one, graph=graph))
    return replace(trace, passes=tuple(passes))


def with_saved(*nodes: tuple[SavedTensor, ...], numbers: list[int]) -> Trace:
    """A graph of several `gelu`s that save what is given."""
    made = tuple(
        Node(
            number, "GeluBackward0", "gelu", saved=saved, location=at(number, "gelu(x)"), module="net.act", call="gelu"
        )
        for number, saved in enumerate(nodes)
    )
    trace = builders.product_trace()
    graph = Graph(made, (), Storages(numbers, {}, {}))
    return replace(trace, passes=(replace(trace.passes[0], graph=graph),))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_report(snapshot: SnapshotAssertion, width: int) -> None:
    """At the widths that people have."""
    found = gradtrace.memory(told(builders.module_net_trace()), width=width)
    assert max(map(len, found.splitlines())) <= width
    assert found == snapshot(extension_class=files("txt"))


def test_document_is_as_its_schema_says() -> None:
    """And adds up."""
    document = json.loads(gradtrace.memory(told(builders.module_net_trace()), format="json"))
    Draft202012Validator(schemas.find("memory").schema()).validate(document)
    assert document["bytes"] == sum(one["bytes"] for one in document["storages"]) > 0
    assert {one["pass"] for one in document["passes"]} == {1, 2, 3}
    assert document["parameters"]["count"] > 0


@pytest.mark.parametrize("by", ["line", "module", "op", "tensor"])
def test_rows_of_csv_add_up(by: str) -> None:
    """Whatever they are by; nothing in a cell is a formula."""
    evil = SavedTensor("self", (2,), "float32", 8, owner="=cmd()", owner_kind=LeafKind.TENSOR)
    trace = with_saved((evil,), (SavedTensor("self", (3,), "float32", 12),), numbers=[1, 2])
    rows = list(csv.DictReader(io.StringIO(gradtrace.memory(trace, by=by, format="csv"))))
    assert sum(int(row["bytes"]) for row in rows) == 20
    assert not any(cell.startswith("=") for row in rows for cell in row.values())


def test_one_storage_counts_for_the_first_that_saved_it() -> None:
    """The others hold it too, and so does the program."""
    kept = SavedTensor("self", (1000,), "float32", 4000, owner="x", owner_kind=LeafKind.TENSOR)
    again = replace(kept, owner=None, owner_kind=None, shared=True)
    text = gradtrace.memory(with_saved((kept,), (again,), numbers=[7, 7]), by="tensor")
    assert "2 saved tensors in 1 storage, each counted once" in text
    assert (
        " ".join(text.splitlines()[-1].split())
        == "4.0 kB f32[1000] x gelu train.py:0:1 the program, gelu at train.py:1:1"
    )


def test_what_is_not_known_is_said() -> None:
    """Fake tensors, hooks that hide, sizes that nobody knows."""
    packed = SavedTensor("self", None, None, 0, packed=True)
    unsized = SavedTensor("result", (4,), "float32", 0)
    trace = with_saved((packed,), (unsized,), numbers=[0, 1])
    trace = replace(trace, run=replace(trace.run, blind_spots=(BlindSpot(Blind.FAKE_TENSORS),)))
    text = " ".join(gradtrace.memory(trace).split())
    assert "1 saved tensor went to hooks: what these keep elsewhere is not counted" in text
    assert "the memory of 1 saved tensor is not known, and counts as nothing" in text
    assert "shapes only: this program computes with fake tensors" in text


def test_what_cannot_be_shown() -> None:
    """Older recordings, passes and formats that do not exist, options that mean nothing."""
    trace = builders.product_trace()
    with pytest.raises(NothingSeenError, match="does not say which saved tensors lie in one storage"):
        gradtrace.memory(trace)
    with pytest.raises(GradtraceError, match="there is no pass 9: the run has 3 passes"):
        gradtrace.memory(told(trace), pass_index=9)
    for wrong, message in (
        ({"format": "svg"}, "there is no format 'svg' here: choose text, markdown, json, csv"),
        ({"by": "layer"}, "there is no table 'layer' here: choose line, module, op, tensor"),
        ({"by": "op", "format": "json"}, "--by means nothing to the format json"),
        ({"top": 3, "format": "csv"}, "--top means nothing to the format csv"),
    ):
        with pytest.raises(UsageError, match=message):
            gradtrace.memory(told(trace), **wrong)  # type: ignore[arg-type]

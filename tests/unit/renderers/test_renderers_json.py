"""The trace document: its keys are a contract, its text is strict JSON."""

import json
from dataclasses import replace
from typing import Any

import builders
import pytest
from builders import at

from gradtrace.model import Event, Finding, RelatedLocation, Trace
from gradtrace.renderers.document.trace import Options, render

TRACES = sorted(name for name in dir(builders) if name.endswith("_trace"))


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def strict(text: str) -> dict[str, Any]:
    """Parse as RFC 8259 has it: no bare NaN, no key twice, no half of a surrogate pair."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    document: dict[str, Any] = json.loads(text, parse_constant=refuse, object_pairs_hook=once)
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    return document


def document(trace: Trace, **options: bool) -> dict[str, Any]:
    return strict(render(trace, Options(**options)))


LOCATION = ["file", "line", "column", "end_line", "end_column", "function", "text", "via"]
STATS = ["shape", "dtype", "numel", "norm", "min", "max", "mean", "nan", "inf", "zero", "value"]
CONTRACT = {
    "": ["format", "version", "run", "leaves", "passes", "events", "findings"],
    "run": ["target", "argv", "python", "torch", "gradtrace", "device", "seed", "status", "complete", "error"],
    "leaf": ["id", "name", "kind", "shape", "dtype", "device", "requires_grad", "optimizers"],
    "pass": [
        *("index", "call", "location", "roots", "retain_graph", "create_graph", "recorded", "error", "graph"),
        "accumulations",
    ],
    "root": ["node", "name", "value"],
    "node": [
        *("id", "type", "op", "name", "module", "location", "leaf", "shape", "dtype", "received", "saved"),
    ],
    "saved": ["name", "shape", "dtype", "bytes"],
    "edge": ["source", "target", "slot", "input", "sent"],
    "accumulation": ["leaf", "before", "contribution", "after", "effect"],
    "event": ["order", "kind", "pass", "leaves", "location", "set_to_none"],
    "finding": ["rule", "severity", "message", "location", "related", "help", "leaves", "passes"],
    "related": ["location", "message"],
}

FINDING = Finding(
    "stale-gradient",
    "warning",
    "w is not zeroed",
    at(3, "x"),
    (RelatedLocation(at(4, "y"), "here"),),
    "zero",
    (0,),
    (1,),
)


def test_document_has_every_key_of_the_contract() -> None:
    """Keys may be added, none may be missing."""
    shown = document(replace(builders.accumulate_trace(), findings=(FINDING,)))
    first = shown["passes"][0]
    graph = first["graph"]
    found = {
        "": shown,
        "run": shown["run"],
        "leaf": shown["leaves"][0],
        "pass": first,
        "root": first["roots"][0],
        "node": graph["nodes"][0],
        "saved": next(node["saved"][0] for node in graph["nodes"] if node["saved"]),
        "edge": graph["edges"][0],
        "accumulation": first["accumulations"][0],
        "event": shown["events"][0],
        "finding": shown["findings"][0],
        "related": shown["findings"][0]["related"][0],
    }
    assert {name: [key for key in keys if key not in found[name]] for name, keys in CONTRACT.items()} == {
        name: [] for name in CONTRACT
    }
    assert list(graph["nodes"][0]["location"]) == LOCATION
    assert list(graph["edges"][0]["sent"]) == STATS


def test_product_reads_as_the_contract_says() -> None:
    """`w*w*y` with w = 0.5, y = 2: the numbers on nodes, edges, leaves and events."""
    shown = document(builders.product_trace())
    assert (shown["format"], shown["version"]) == ("gradtrace-trace", [1, 3])
    assert [leaf["name"] for leaf in shown["leaves"]] == ["w", "y"]
    graph = shown["passes"][1]["graph"]
    assert [(node["op"], node["leaf"], node["received"]["value"]) for node in graph["nodes"]] == [
        ("mul", None, 1.0),
        ("mul", None, 2.0),
        ("leaf", 1, 0.25),
        ("leaf", 0, 2.0),
    ]
    assert [
        (edge["source"], edge["target"], edge["slot"], edge["input"], edge["sent"]["value"]) for edge in graph["edges"]
    ] == [
        (0, 1, 0, "self", 2.0),
        (0, 2, 1, "other", 0.25),
        (1, 3, 0, "self", 1.0),
        (1, 3, 1, "other", 1.0),
    ]
    rows = [one["accumulations"][0] for one in shown["passes"]]
    assert [(row["before"] and row["before"]["value"], row["after"]["value"], row["effect"]) for row in rows] == [
        (None, 2.0, "created"),
        (2.0, 4.0, "accumulated"),
        (None, 2.0, "created"),
    ]
    assert [(event["kind"], event["pass"], event["set_to_none"]) for event in shown["events"]] == [
        ("backward", 1, None),
        ("backward", 2, None),
        ("zero_grad", 2, True),
        ("backward", 3, None),
    ]


@pytest.mark.parametrize("name", TRACES)
def test_every_trace_is_strict_json_of_plain_characters(name: str) -> None:
    """Whatever the program's texts and numbers are; and the same trace gives the same text."""
    trace = getattr(builders, name)()
    text = render(trace, Options())
    strict(text)
    assert text.isascii()
    assert all(char.isprintable() or char == "\n" for char in text)
    assert text.endswith("}\n")
    assert text == render(getattr(builders, name)(), Options())


def test_special_numbers_are_text() -> None:
    """JSON has no word for them."""
    shown = document(builders.non_finite_trace())
    received = [node["received"] for node in shown["passes"][0]["graph"]["nodes"]]
    assert [stats["value"] for stats in received] == [1.0, [1.0, 1.0], ["inf", 0.125], ["nan", 1.0]]
    assert (received[2]["norm"], received[2]["inf"], received[3]["mean"]) == ("inf", 1, "nan")


def test_norm_alone_may_be_special() -> None:
    """A level that measures only norms still never writes a bare NaN."""
    trace = builders.linear_trace()
    one = trace.passes[0]
    norms = [
        replace(builders.stats(builders.scalar(1)), norm=float(x), nan=None, inf=None, value=None)
        for x in ("nan", "-inf")
    ]  # type: ignore[type-var]
    row = replace(one.accumulations[0], before=norms[0], after=norms[1])
    shown = document(replace(trace, passes=(replace(one, accumulations=(row,)),)))
    assert [shown["passes"][0]["accumulations"][0][key]["norm"] for key in ("before", "after")] == ["nan", "-inf"]


def test_broken_surrogates_are_spelled_out() -> None:
    """Half of a pair has no place in strict JSON; a whole one is kept, and text that looks like an escape is too."""
    texts = ["\ud800 lone", "\U0001f600 whole", "\\ud800 typed"]
    trace = replace(builders.empty_trace(), run=builders.run(argv=tuple(texts)))
    assert document(trace)["run"]["argv"] == ["\\ud800 lone", "\U0001f600 whole", "\\ud800 typed"]


def test_outputs_are_listed_where_a_node_has_several_or_hooks() -> None:
    """Elsewhere the node's own keys say it all."""
    unbind = document(builders.multi_root_trace())["passes"][0]["graph"]["nodes"][2]
    assert [(output["index"], output["received"] is None) for output in unbind["outputs"]] == [(0, False), (1, True)]
    plain, hooked, _ = document(builders.hooked_trace())["passes"][0]["graph"]["nodes"]
    assert "outputs" not in plain
    (output,) = hooked["outputs"]
    assert (output["arrived"]["value"], output["received"]["value"], hooked["received"]["value"]) == (12.0, 24.0, 24.0)
    assert [hook["text"] for hook in output["hooks"]] == ["h.register_hook(rewrite)"]


def test_error_of_a_pass_and_of_the_program_are_told() -> None:
    """Torch's own text, the node, and the frames."""
    shown = document(builders.failed_trace())
    assert (shown["run"]["status"], shown["run"]["complete"]) == (1, False)
    assert shown["run"]["error"]["frames"][0]["line"] == 7
    error = shown["passes"][1]["error"]
    assert (error["type"], error["node"]) == ("RuntimeError", 1)
    assert error["message"] == shown["run"]["error"]["message"]


def test_parts_can_be_left_out() -> None:
    """Without graphs they are null as in a ledger pass; without findings the list is empty."""
    trace = replace(builders.product_trace(), findings=(FINDING,))
    assert document(trace, graphs=False)["passes"][0]["graph"] is None
    assert document(trace, graphs=False)["passes"][0]["accumulations"]
    assert document(trace, findings=False)["findings"] == []
    assert document(trace)["findings"][0]["rule"] == "stale-gradient"


def test_one_row_a_line() -> None:
    """So that line tools can search it."""
    lines = render(builders.product_trace(), Options()).splitlines()
    rows = [line.strip().rstrip(",") for line in lines if line.strip().startswith('{"')]
    assert len(rows) == 2 + 3 * (4 + 4 + 2) + 4
    assert all(strict(row) for row in rows)


def test_hook_event_of_unknown_kind_is_kept() -> None:
    """Events of any kind are carried through."""
    trace = replace(builders.empty_trace(), events=(Event(0, "retain_grad", 0, call="Tensor.retain_grad"),))
    assert document(trace)["events"][0]["call"] == "Tensor.retain_grad"

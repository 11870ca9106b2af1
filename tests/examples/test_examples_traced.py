"""What the trace document says about each example."""

import math
from typing import Any

import example_runs
import pytest
from example_runs import TracedRun, traced


def flat(value: Any) -> list[float]:
    """Numbers of a nested list, in order."""
    return [number for part in value for number in flat(part)] if isinstance(value, list) else [value]


def total_passes(run: TracedRun) -> int:
    """Number of passes, those included that are only counted."""
    return sum(run_pass.get("count", 1) for run_pass in run.passes)


def numbers(stats: dict[str, Any] | None) -> list[float] | None:
    """All elements, or the mean of a larger tensor (means add up as elements do); None when neither is known."""
    if stats is None:
        return [0.0]
    if stats["value"] is None:
        return None if stats["mean"] is None else [stats["mean"]]
    return flat(stats["value"])


@pytest.mark.parametrize("name", example_runs.NAMES)
def test_contribution_is_the_sum_over_the_edges_into_the_leaf(name: str) -> None:
    """In each full pass what a leaf gets is what its incoming edges bring, and `.grad` grows by just that."""
    run = traced(name, options=("--level", "full") if name == "char_rnn" else ())  # it has no small leaves
    n_checked = 0
    for run_pass in run.passes:
        for row in run_pass["accumulations"] if run_pass["graph"] else ():
            contribution = numbers(row["contribution"])
            if row["contribution"] is None or contribution is None:
                continue
            edges = run.edges_into_leaf(run_pass["index"], run.leaf_names[row["leaf"]])
            sums = [sum(parts) for parts in zip(*(numbers(edge["sent"]) for edge in edges), strict=True)]
            assert sums == pytest.approx(contribution, rel=1e-4, abs=1e-6)
            if row["after"] is not None:
                before = numbers(row["before"]) if row["before"] else [0.0] * len(contribution)
                after = [old + new for old, new in zip(before, contribution, strict=True)]
                assert numbers(row["after"]) == pytest.approx(after, rel=1e-4, abs=1e-6)
            n_checked += 1
    assert n_checked


@pytest.mark.parametrize("name", example_runs.NAMES)
def test_every_op_of_the_user_has_a_source_line(name: str) -> None:
    """Each node but the leaves points into the example."""
    for run_pass in traced(name).passes:
        for node in (run_pass["graph"] or {"nodes": []})["nodes"]:
            if node["leaf"] is None:
                assert node["location"]["file"].endswith(f"{name}.py"), node
                assert node["location"]["text"].strip()


@pytest.mark.parametrize("name", example_runs.NAMES)
def test_run_is_complete(name: str) -> None:
    """The document says what ran, and that it ended well."""
    run = traced(name).document["run"]
    assert run["target"].endswith(f"{name}.py")
    assert (run["status"], run["complete"], run["error"]) == (0, True, None)


def test_product() -> None:
    """`w.grad` is 2, then 4, then 2 again; x has a gradient of 2 and is not a leaf."""
    run = traced("product")
    assert sorted(run.leaf_names) == ["w", "y"]
    assert run.of_leaf("w", "contribution") == [2.0, 2.0, 2.0]
    assert run.of_leaf("w", "before") == [None, 2.0, None]
    assert run.of_leaf("w", "after") == [2.0, 4.0, 2.0]
    assert run.of_leaf("y", "after") == [0.25, 0.5, 0.25]
    assert run.of_leaf("w", "effect") == ["created", "accumulated", "created"]
    assert [edge["sent"]["value"] for edge in run.edges_into_leaf(1, "w")] == [1.0, 1.0]
    assert {node["name"]: node["received"]["value"] for node in run.nodes(1, "mul")} == {"z": 1.0, "x": 2.0}
    assert [leaf["value"] for leaf in run.document["leaves"] if leaf["name"] == "w"] == [0.5]
    cleared = [event for event in run.events if event["kind"] == "grad_cleared"]
    assert {(event["pass"], event["set_to_none"]) for event in cleared} == {(2, True)}
    assert sorted(leaf for event in cleared for leaf in event["leaves"]) == [0, 1]


def test_tensors() -> None:
    """Only the tensors that asked for it are leaves; `plain` is not."""
    run = traced("tensors")
    assert run.leaf_names == ["weights", "later"]
    assert run.of_leaf("weights", "contribution") == [[1.0, 2.0, 3.0]]
    assert run.of_leaf("later", "contribution") == [[8.0, 10.0, 12.0]]
    assert all(
        run_pass["roots"][0]["name"] == name for run_pass, name in zip(run.passes, ("total", "squares"), strict=True)
    )


def test_two_layer_net() -> None:
    """The four parameters double without zeroing and start anew after it; ops stand in their modules and lines."""
    run = traced("two_layer_net")
    assert [name.removeprefix("net.") for name in sorted(run.leaf_names)] == [
        "fc1.bias",
        "fc1.weight",
        "fc2.bias",
        "fc2.weight",
    ]
    assert {leaf["kind"] for leaf in run.document["leaves"]} == {"parameter"}
    for leaf in run.document["leaves"]:
        rows = [row for one in run.passes for row in one["accumulations"] if row["leaf"] == leaf["id"]]
        first, second, third = (row["after"]["norm"] for row in rows)
        assert (second, third) == (pytest.approx(2 * first, rel=1e-5), pytest.approx(first, rel=1e-5))
    (zeroed,) = [event for event in run.events if event["kind"] == "zero_grad"]
    assert (zeroed["pass"], zeroed["set_to_none"], sorted(zeroed["leaves"])) == (2, True, [0, 1, 2, 3])
    assert "net.zero_grad()" in zeroed["location"]["text"]
    (sigmoid,) = run.nodes(1, "sigmoid")
    assert "torch.sigmoid(self.fc1(x))" in sigmoid["location"]["text"]
    assert sigmoid["name"] == "hidden"
    modules = {(node["module"] or "").rpartition(".")[2] for node in run.nodes(1, "addmm")}
    assert modules == {"fc1", "fc2"}


def test_manual_update() -> None:
    """Thirty passes, cleared to None by the first loop and to zeros by the second."""
    run = traced("manual_update")
    assert run.leaf_names == ["slope", "offset"]
    assert total_passes(run) == 30
    assert {event["set_to_none"] for event in run.events if event["kind"] == "grad_cleared"} == {True, False}
    assert not [event for event in run.events if event["kind"] == "step"]
    assert run.of_leaf("slope", "effect")[:3] == ["created"] * 3
    assert run.of_leaf("slope", "effect")[-1] == "accumulated"


@pytest.mark.parametrize(
    ("name", "optimizer", "n_passes", "n_steps", "suffixes"),
    [
        ("sgd_loop", "SGD", 15, 15, {"weight", "bias"}),
        ("adam_loop", "Adam", 96, 96, {"0.weight", "0.bias", "2.weight", "2.bias"}),
        ("accumulate", "SGD", 13, 3, {"weight", "bias"}),
    ],
)
def test_training_loops(name: str, optimizer: str, n_passes: int, n_steps: int, suffixes: set[str]) -> None:
    """All parameters belong to the optimizer, and every pass, step and zero_grad is counted."""
    run = traced(name)
    assert {leaf["name"].removeprefix("model.") for leaf in run.document["leaves"]} == suffixes
    assert all(leaf["optimizers"] == [0] for leaf in run.document["leaves"])
    assert total_passes(run) == n_passes
    assert (run.count("step"), run.count("zero_grad")) == (n_steps, n_steps)
    steps = [event for event in run.events if event["kind"] == "step"]
    assert all(optimizer in event["call"] and "optimizer.step()" in event["location"]["text"] for event in steps)


def test_accumulate() -> None:
    """The comparison by `autograd.grad` stores nothing; then four passes add up before each step."""
    run = traced("accumulate", options=("--passes", "all"))
    whole, *rest = run.passes
    assert whole["call"] == "autograd.grad"
    assert {row["effect"] for row in whole["accumulations"]} == {"not stored"}
    effects = [run_pass["accumulations"][0]["effect"] for run_pass in rest]
    assert effects == ["created", "accumulated", "accumulated", "accumulated"] * 3
    assert [event["pass"] for event in run.events if event["kind"] == "step"] == [5, 9, 13]


def test_in_place() -> None:
    """Both passes succeed; the conflict is recorded as the error of its pass, at the sigmoid."""
    run = traced("in_place")
    assert [run_pass["error"] for run_pass in run.passes] == [None, None]
    assert run.of_leaf("w", "contribution")[0] == [3.0, 3.0, 3.0]

    failed = traced("in_place", "conflict")
    assert failed.document["run"]["error"]["type"] == "RuntimeError"
    error = failed.passes[1]["error"]
    assert "modified by an inplace operation" in error["message"]
    assert failed.passes[1]["graph"]["nodes"][error["node"]]["op"] == "sigmoid"


def test_numpy_bridge() -> None:
    """What numpy computed is a constant: w is the only leaf and gets just sqrt(w)."""
    run = traced("numpy_bridge")
    assert run.leaf_names == ["w"]
    assert run.of_leaf("w", "contribution") == [pytest.approx([1.0, math.sqrt(2.0), math.sqrt(3.0)])]


def test_shapes() -> None:
    """Broadcasting sums, gather gives zero to what it did not pick, max gives all to the largest."""
    run = traced("shapes")
    assert sorted(run.leaf_names) == ["bias", "rows"]
    assert run.of_leaf("bias", "contribution") == [[3.0, 3.0, 3.0, 3.0]]
    _, gathered, reduced = run.of_leaf("rows", "contribution")
    assert [[round(value * 3) for value in row] for row in gathered] == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
    assert reduced == [[0.0, 0.0, 0.0, 1.0]] * 3
    (squeeze,) = run.nodes(2, "squeeze")
    assert (squeeze["name"], squeeze["shape"]) == ("picked", [3])


def test_q_learning() -> None:
    """The target network gets no gradient: only the online network's parameters are in the graph."""
    run = traced("q_learning")
    names = {leaf["id"]: leaf["name"] for leaf in run.document["leaves"]}
    parameters = {"0.bias", "0.weight", "2.bias", "2.weight"}
    assert set(names.values()) == {f"{net}.{name}" for net in ("online", "target") for name in parameters}
    for one in run.passes:
        assert {names[row["leaf"]] for row in one["accumulations"]} == {f"online.{name}" for name in parameters}
    cut_off = [cut for cut in run.document["cuts"] if any(names[leaf].startswith("target.") for leaf in cut["leaves"])]
    assert {cut["kind"] for cut in cut_off} == {"no_grad"}
    assert total_passes(run) == run.count("step") == run.count("zero_grad") > 100
    assert run.nodes(1, "gather")[0]["name"] in {None, "taken"}


def test_char_rnn() -> None:
    """Each time step adds its part to the shared layers; gradients are clipped between backward and step."""
    run = traced("char_rnn")
    names = {name.removeprefix("model."): name for name in run.leaf_names}
    assert set(names) == {"embedding.weight", "recurrence.weight", "recurrence.bias", "readout.weight", "readout.bias"}
    for part in ("embedding.weight", "recurrence.weight", "readout.bias"):
        assert len(run.edges_into_leaf(1, names[part])) == 18
    clipped = [event for event in run.events if event["kind"] == "grad_modified"]
    assert clipped
    assert all("clip_grad_norm_" in event["location"]["text"] for event in clipped)
    assert {run_pass["error"] for run_pass in run.passes if run_pass["recorded"] == "full"} == {None}

"""Ranks of a distributed program: each is named, every sum is explained, and none is missed unseen."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from shared_recordings import recordings

import gradtrace
from gradtrace.analysis.fan_in import adds_up
from gradtrace.analysis.reductions import with_reductions
from gradtrace.cli.main import main
from gradtrace.model import EventKind, Trace
from gradtrace.recording import load

PROGRAM = Path(__file__).parents[1] / "programs" / "ranks" / "two_ranks.py"
AVERAGED = "averaged over 2 ranks"
PART = "averaged over 2 ranks, this rank's part"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recordings([PROGRAM], tmp_path_factory)[0]


@pytest.fixture(scope="module")
def trace(recorded: Path) -> Trace:
    return with_reductions(load(recorded))


@pytest.fixture
def said(recorded: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """What a command says of the recording, without line breaks."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(command: str, *words: str, status: int = 0) -> str:
        assert main([command, str(recorded), *words]) == status
        out, err = capfd.readouterr()
        return " ".join((out + err).split())

    return run


def reductions(trace: Trace, comment: str, process: int) -> list[dict[str, str]]:
    """For each pass of a rank at the line with a comment: by name what ranks made of the gradient."""
    lines = PROGRAM.read_text().splitlines()
    at = next(number for number, line in enumerate(lines, 1) if line.endswith(f"# {comment}"))
    return [
        {trace.leaves[row.leaf].name: str(row.reduced) for row in one.accumulations}
        for one in trace.passes
        if one.process == process and one.location is not None and one.location.line == at
    ]


def test_ranks_are_those_of_the_process_group(trace: Trace) -> None:
    """No launcher has set `RANK`: the group itself says who is who, and both came to their end."""
    known = [(one.rank, one.world_size, one.has_ended) for one in trace.run.processes]
    assert known == [(0, 2, True), (1, 2, True)]
    assert (trace.run.status, trace.run.complete) == (0, True)


def test_every_parameter_is_named_and_every_sum_explained(trace: Trace) -> None:
    """`.grad` after a pass is the sum of what was there and what came, or what ranks made of theirs."""
    assert not [leaf.name for leaf in trace.leaves if leaf.name.startswith("leaf ")]
    for one in trace.passes:
        for row in one.accumulations:
            assert row.reduced is not None or adds_up(row) is not False, trace.leaves[row.leaf]


@pytest.mark.parametrize("rank", [0, 1])
def test_replicas_average_what_they_have_added_up(trace: Trace, rank: int) -> None:
    """After a pass without exchange too; a parameter that one rank uses gets its average on both."""
    body = {f"{layer}.{kind}" for layer in ("body", "head") for kind in ("weight", "bias")}
    aux = {"aux.weight", "aux.bias"}
    for alone in reductions(trace, "alone", rank):
        assert alone == dict.fromkeys(body | aux if rank == 0 else body, "None")
    for averaged in reductions(trace, "averaged", rank):
        assert averaged == dict.fromkeys(body | aux, AVERAGED)


@pytest.mark.parametrize("rank", [0, 1])
def test_sharded_parameters_go_by_the_names_of_the_model(trace: Trace, rank: int) -> None:
    """The graph ends at parameters that exist for a moment; a rank keeps a part of the average of their gradients."""
    first, last = reductions(trace, "sharded", rank)
    names = {"layer.weight", "layer.bias", "scale"}
    assert (first, last) == (dict.fromkeys(names, "None"), dict.fromkeys(names, PART))
    held = [leaf for leaf in trace.leaves if leaf.process == rank and leaf.name in names]
    assert len(held) == 3
    assert all(leaf.optimizers for leaf in held)


def test_what_a_collective_writes_is_an_event(trace: Trace) -> None:
    """No operation of torch's modes does it; the norm before is that of one rank, after it that of the sum."""
    found = [one for one in trace.events if one.kind == EventKind.GRAD_MODIFIED and "all_reduce" in one.call]
    assert [one.call for one in found] == ["all_reduce (sum over 2 ranks)"] * 2
    assert {one.location.text.endswith("# exchanged") for one in found if one.location} == {True}
    before, after = ([getattr(one.writes[0], name) for one in found] for name in ("before", "after"))
    assert after[0] == pytest.approx(after[1])
    assert before[0] != pytest.approx(before[1])


def test_story_is_that_of_one_rank_beside_the_others(said) -> None:
    """A table says where they differ; `--rank` tells of another, by the numbers of its own passes."""
    story = said("explain", "--pass", "2")
    assert "7 backward passes on rank 0 of 2" in story
    assert "aux.weight get a gradient on rank 0 alone" in story
    assert "before this rank adds averaged over 2 ranks" in story
    assert "leaf rank 0 adds rank 1 adds averaged over 2 ranks" in story
    other = said("explain", "--pass", "2", "--rank", "1")
    assert "7 backward passes on rank 1 of 2" in other
    assert "None nothing [" in other
    assert "has no rank 2: it has ranks 0-1" in said("explain", "--rank", "2", status=2)


def test_answer_and_tree_tell_local_from_reduced(said) -> None:
    """What a rank added, and what is then in `.grad`."""
    answer = said("why", "aux.bias", "--rank", "1")
    assert "In pass 2 rank 0 added" in answer
    assert "aux.bias gets nothing on this rank because" in answer
    assert "rank 1 added nothing; averaged over 2 ranks, .grad is" in answer
    assert "here; averaged over 2 ranks" in said("render", "-f", "tree", "--pass", "2")


def test_python_loads_one_rank(recorded: Path) -> None:
    """With leaves and passes of its own, and all ranks beside it."""
    own = gradtrace.load(recorded, rank=1)
    assert [one.index for one in own.passes] == [1, 2, 3, 4, 5, 6, 7]
    assert {str(row.reduced) for row in own.passes[1].accumulations} == {AVERAGED}
    assert own.whole is not None
    assert len(own.whole.passes) == 14
    text = " ".join(gradtrace.explain(own).split())
    assert "no gradient arrived on this rank; other ranks had one, which is shared with it" in text


def test_ranks_are_compared_one_by_one(recorded: Path, said) -> None:
    """Each beside its own; beside another one, where that is asked for, they differ."""
    said_of_all = said("diff", str(recorded))
    assert "No difference on ranks 0-1" in said_of_all
    assert "Rank 0: 7 backward passes" in said_of_all
    assert "Rank 1: 7 backward passes" in said("diff", str(recorded), "--rank", "1")
    assert "has no rank 7: it has ranks 0-1" in said("diff", str(recorded), "--rank", "7", status=2)
    parted = gradtrace.diff(gradtrace.load(recorded, rank=0), gradtrace.load(recorded, rank=1))
    assert parted.first is not None


def test_nothing_is_wrong_with_them(said) -> None:
    """A layer that one rank alone uses is no mistake where the others wait for it."""
    assert "Found nothing wrong in 14 passes" in said("check")


def _launch_two(folder: Path) -> None:
    """Record a program of two nodes, on a port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    alone = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    launchers = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "gradtrace", "record", "-q", "-o", f"{node}.gtrace", "--"),
                *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"),
                *("--node-rank", str(node), "--master-addr", "127.0.0.1", "--master-port", port, "train.py"),
            ],
            cwd=folder,
            env=alone,
            stderr=subprocess.DEVNULL,
        )
        for node in range(2)
    ]
    try:
        assert [one.wait(timeout=90) for one in launchers] == [0, 0]
    finally:
        for one in launchers:
            one.terminate()  # where the other one failed it waits for it
        for one in launchers:
            one.wait()


def test_two_launchers_make_one_recording(tmp_path: Path) -> None:
    """Each node records its own ranks; the merged recording has all, and one alone says what it has not."""
    (tmp_path / "train.py").write_text(NODE)
    try:
        _launch_two(tmp_path)
    except subprocess.TimeoutExpired:  # the port was taken between the look for it and its use: they wait for ever
        _launch_two(tmp_path)
    nodes = [str(tmp_path / f"{node}.gtrace") for node in (1, 0)]
    assert main(["merge", "-q", *nodes, "-o", str(tmp_path / "all.gtrace")]) == 0
    whole = with_reductions(load(tmp_path / "all.gtrace"))
    assert [one.rank for one in whole.run.processes] == [0, 1]
    assert {str(row.reduced) for one in whole.passes for row in one.accumulations} == {AVERAGED}
    single = load(tmp_path / "1.gtrace").run
    assert [spot.text for spot in single.blind_spots] == ["rank 0 of 2"]


NODE = """\
import torch
import torch.distributed as dist
from torch import nn

dist.init_process_group("gloo")
torch.manual_seed(0)
net = nn.parallel.DistributedDataParallel(nn.Linear(3, 1))
torch.manual_seed(dist.get_rank())
net(torch.randn(2, 3)).pow(2).mean().backward()
dist.destroy_process_group()
"""

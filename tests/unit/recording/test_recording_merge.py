"""How the streams that the processes of a run left become one recording."""

import json
import os
import re
import stat
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import pytest
from stream_lines import content, framed, header, line, stream

from gradtrace.analysis.coverage import coverage
from gradtrace.errors import RecordingError
from gradtrace.model import Blind, BlindSpot, Trace
from gradtrace.recording import BlindRecord, load, merge
from gradtrace.recording.frames import lines_of


def put(session: Path, name: str, lines: list[bytes], *, cut: int = 0) -> None:
    whole = content(lines)
    (session / f"{name}.stream").write_bytes(whole[: len(whole) - cut])


def merged(session: Path, status: int = 0) -> Trace:
    target = session / "run.gtrace"
    merge(session, status=status, target=target)
    return load(target)


def test_one_stream_becomes_the_recording(tmp_path: Path) -> None:
    """The usual run: one process, and the status that the parent saw."""
    trace = builders.accumulate_trace()
    put(tmp_path, "7", stream(trace))
    assert merged(tmp_path) == trace
    assert merged(tmp_path, 3) == replace(trace, run=replace(trace.run, status=3))


def named(pid: int, parent_pid: int, rank: int | None, name: str) -> list[bytes]:
    """A stream with one leaf that bears a name."""
    fields = {
        "kind": "tensor",
        "shape": [],
        "dtype": "float32",
        "device": "cpu",
        "requires_grad": True,
        "optimizers": [],
    }
    return [header(builders.run(), pid, parent_pid, rank), line("leaf", id=0, name=name, **fields)]


@pytest.mark.parametrize(
    "processes",
    [
        [(50, 1, 0, "rank 0"), (40, 1, 1, "rank 1"), (30, 1, 2, "rank 2")],
        [(90, 1, None, "parent"), (20, 90, None, "child"), (10, 20, None, "grandchild")],
        [(90, 1, None, "script"), (5, 90, 0, "rank 0"), (3, 5, 0, "loader of rank 0"), (4, 90, 1, "rank 1")],
        [(8, 1, None, "a"), (9, 1, None, "b")],
        [(8, 9, None, "a"), (9, 8, None, "b")],
    ],
)
def test_processes_are_numbered_by_rank_then_parents_first_then_pid(
    tmp_path: Path, processes: list[tuple[int, int, int | None, str]]
) -> None:
    """The order does not depend on how the files are called."""
    for turn, one in enumerate(reversed(processes)):
        put(tmp_path, f"{turn}", named(*one))
    trace = merged(tmp_path)
    assert [leaf.name for leaf in trace.leaves] == [name for _, _, _, name in processes]
    assert [leaf.process for leaf in trace.leaves] == list(range(len(processes)))
    assert trace.run.n_processes == len(processes)


def test_processes_that_saw_nothing_get_no_number(tmp_path: Path) -> None:
    """A launcher that only imported torch is no process of the run."""
    run = builders.run()
    put(tmp_path, "1", [header(run, 1, 0), line("observation", kind="ops", count=0)])
    put(tmp_path, "2", named(2, 1, 0, "w"))
    trace = merged(tmp_path)
    assert (trace.run.n_processes, [leaf.process for leaf in trace.leaves]) == (1, [0])


def test_if_no_process_saw_anything_the_first_one_stays(tmp_path: Path) -> None:
    """So its header and what it counted are not lost."""
    put(tmp_path, "2", [header(builders.run("child"), 2, 1)])
    put(tmp_path, "1", [header(builders.run("parent"), 1, 0), line("observation", kind="ops", count=4)])
    trace = merged(tmp_path)
    assert trace.run.target == "parent"
    assert [seen.count for seen in trace.run.observations] == [4]


def test_killed_process_is_merged_up_to_its_last_whole_line(tmp_path: Path) -> None:
    """One cut stream does not spoil the others, and the recording says whose it was."""
    put(tmp_path, "a", stream(builders.accumulate_trace(), pid=1, rank=0), cut=10)
    put(tmp_path, "b", stream(builders.accumulate_trace(), pid=2, rank=1))
    trace = merged(tmp_path, -9)
    assert [one.process for one in trace.passes] == [0] * 4 + [1] * 4
    assert len(trace.events) == 11
    assert not trace.run.complete
    cut = "what rank 0 wrote ends in the middle of a line; it was read up to there"
    assert trace.run.blind_spots == (BlindSpot(Blind.FILE_CUT, cut), BlindSpot(Blind.KILLED))


def test_rubbish_in_a_stream_ends_it_there(tmp_path: Path) -> None:
    """A merged file never has a damaged line in its middle."""
    lines = stream(builders.product_trace())
    put(tmp_path, "1", [*lines[:-1], b"\0\0\0\n", lines[-1]])
    trace = merged(tmp_path)
    assert len(trace.events) == 3
    assert not trace.run.complete


def test_streams_without_a_header_are_left_out(tmp_path: Path) -> None:
    """A process that was killed while it began leaves an empty file."""
    put(tmp_path, "1", [])
    put(tmp_path, "2", [b'{"t": "hea'])
    put(tmp_path, "3", named(3, 1, None, "w"))
    assert [leaf.name for leaf in merged(tmp_path).leaves] == ["w"]


def ledger(index: int, count: int = 1) -> bytes:
    fields = {"call": "Tensor.backward", "roots": [], "retain_graph": False, "create_graph": False}
    return line("pass", index=index, recorded="ledger", count=count, **fields)


def test_latest_pass_replaces_its_entry_in_the_ledger(tmp_path: Path) -> None:
    """With `--passes last`: the ledger covers all passes, the file of the latest one holds its graph."""
    whole = stream(builders.trace_of(builders.diamond()), pid=5)
    kinds = [re.match(rb'{"t": "(\w+)"', text).group(1) for text in whole]  # type: ignore[union-attr]
    definitions = [text for text, kind in zip(whole, kinds, strict=True) if kind in (b"header", b"location", b"leaf")]
    events = [text for text, kind in zip(whole, kinds, strict=True) if kind == b"event"]
    put(tmp_path, "5", [*definitions, ledger(1, 999), ledger(1000), *events])
    put(tmp_path, "last-5", [text.replace(b'"index": 1,', b'"index": 1000,') for text in whole])
    trace = merged(tmp_path)
    assert [(one.index, one.count, one.recorded) for one in trace.passes] == [(1, 999, "ledger"), (1000, 1, "full")]
    assert trace.passes[1].graph == builders.diamond()
    assert (len(trace.events), len(trace.leaves), trace.run.n_processes) == (1, 1, 1)


def test_latest_pass_alone_is_a_stream_too(tmp_path: Path) -> None:
    """When nothing but the latest pass was left, it is not lost."""
    put(tmp_path, "last-5", stream(builders.trace_of(builders.diamond()), pid=5))
    assert [one.recorded for one in merged(tmp_path).passes] == ["full"]


def test_without_any_stream_the_recording_says_what_was_run(tmp_path: Path) -> None:
    """A program that never imported torch: still a recording, which knows its reason."""
    config: dict[str, Any] = {"target": "a.py", "argv": ["--x"], "device": None, "seed": 3, "expression": None}
    (tmp_path / "config.json").write_text(json.dumps(config))
    trace = merged(tmp_path, 4)
    assert (trace.run.target, trace.run.argv, trace.run.seed, trace.run.status) == ("a.py", ("--x",), 3, 4)
    assert (trace.run.device, trace.run.torch, trace.passes) == ("cpu", "", ())
    assert [gap.spot.reason for gap in coverage(trace)] == [Blind.NO_TORCH]


def test_what_the_launcher_knows_of_gaps_is_in_the_recording(tmp_path: Path) -> None:
    """Of the run as a whole, whatever processes there are."""
    put(tmp_path, "a", stream(builders.accumulate_trace(), pid=1))
    target = tmp_path / "run.gtrace"
    merge(tmp_path, status=0, target=target, blind=[BlindRecord(Blind.PROCESS_NOT_RECORDED, "why")])
    assert load(target).run.blind_spots == (BlindSpot(Blind.PROCESS_NOT_RECORDED, "why"),)


def test_recording_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """An older recording is replaced; its link stays a link; the file can be read by others as any new file."""
    session = tmp_path / "session"
    session.mkdir()
    put(session, "1", stream(builders.product_trace()))
    real, link = tmp_path / "real.gtrace", tmp_path / "link.gtrace"
    real.write_bytes(b"old")
    link.symlink_to(real)
    before = os.umask(0o022)
    try:
        merge(session, status=0, target=link)
    finally:
        os.umask(before)
    assert link.is_symlink()
    assert load(real) == builders.product_trace()
    assert stat.S_IMODE(real.stat().st_mode) == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.gtrace", "real.gtrace", "session"]


def test_failure_to_write_leaves_the_old_recording(tmp_path: Path) -> None:
    """The target is replaced at once or not at all."""
    with pytest.raises(FileNotFoundError):
        merge(tmp_path, status=0, target=tmp_path / "nowhere" / "run.gtrace")
    target = tmp_path / "run.gtrace"
    target.write_bytes(b"old")
    (tmp_path / "1.stream").mkdir()  # cannot be read as a file
    with pytest.raises(IsADirectoryError):
        merge(tmp_path, status=0, target=target)
    assert target.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


def test_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    """`-o` may name a device: it is not replaced by a file."""
    put(tmp_path, "1", stream(builders.product_trace()))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    merge(tmp_path, status=0, target=pipe)
    reader.join()
    assert pipe.is_fifo()
    assert b'{"t":"status","status":0,"process":0,"n":' in read[0].splitlines()[-1]


def test_same_streams_give_the_same_bytes(tmp_path: Path) -> None:
    """Nothing but the streams decides what is written."""
    put(tmp_path, "1", stream(builders.product_trace(), pid=1))
    put(tmp_path, "2", stream(builders.product_trace(), pid=2))
    merge(tmp_path, status=0, target=tmp_path / "a")
    merge(tmp_path, status=0, target=tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_every_file_of_several_nodes_is_merged_by_rank(tmp_path: Path) -> None:
    """The recordings of two nodes become one; it ends as the one that failed."""
    for node, ranks, status in ((1, (2, 3), 0), (0, (0, 1), 7)):
        folder = tmp_path / str(node)
        folder.mkdir()
        for rank in ranks:
            put(folder, str(rank), framed(named(10 + rank, 1, rank, f"rank {rank}")))
        merge(folder, status=status, target=tmp_path / f"{node}.gtrace")
    merge(tmp_path / "1.gtrace", tmp_path / "0.gtrace", target=tmp_path / "all")
    trace = load(tmp_path / "all")
    assert [leaf.name for leaf in trace.leaves] == ["rank 0", "rank 1", "rank 2", "rank 3"]
    assert trace.run.status == 7
    merge(tmp_path / "all", target=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "all").read_bytes()


def test_streams_without_their_parent_have_no_end(tmp_path: Path) -> None:
    """Nobody knows how the program ended, and the recording says so."""
    put(tmp_path, "1", framed(stream(builders.product_trace())))
    merge(tmp_path, target=tmp_path / "run.gtrace")
    run = load(tmp_path / "run.gtrace").run
    assert (run.status, run.complete) == (None, False)
    assert [spot.text for spot in run.blind_spots] == [
        "the recording has no end: it was cut short, or the program was still running"
    ]


def test_damaged_stream_is_taken_up_to_there_and_named(tmp_path: Path) -> None:
    """A line that was lost in one process does not spoil the others."""
    lines = framed(stream(builders.product_trace(), pid=1, rank=0))
    put(tmp_path, "a", [*lines[:5], *lines[6:]])
    put(tmp_path, "b", framed(stream(builders.product_trace(), pid=2, rank=1)))
    trace = merged(tmp_path)
    assert [one.process for one in trace.passes] == [1, 1, 1]
    assert not trace.run.complete
    assert trace.run.blind_spots[-1].text == (
        "what rank 0 wrote is damaged at line 6: line 7 stands where line 6 was: a line was lost, doubled or moved; "
        "it was read up to there"
    )


def test_what_stands_before_the_damage_of_a_recording_can_be_saved(tmp_path: Path) -> None:
    """`load` refuses the file; merged, it is shorter, and says so."""
    put(tmp_path, "1", framed(stream(builders.product_trace())))
    merge(tmp_path, status=0, target=tmp_path / "whole")
    with (tmp_path / "whole").open("rb") as file:
        lines = [b"".join((one.text, one.data and one.data + b"\n")) for one in lines_of(file, 1 << 20)]
    (tmp_path / "bad").write_bytes(b"".join(lines[:-4] + lines[-3:]))
    with pytest.raises(RecordingError, match="a line was lost, doubled or moved"):
        load(tmp_path / "bad")
    merge(tmp_path / "bad", target=tmp_path / "saved")
    run = load(tmp_path / "saved").run
    assert not run.complete
    assert f"is damaged at line {len(lines) - 3}" in run.blind_spots[0].text


def test_program_that_replaces_another_in_its_process_is_a_process_of_its_own(tmp_path: Path) -> None:
    """After `os.execv` the number of the process is the same, and the stream goes on in the same file."""
    put(tmp_path, "5", [*framed(named(5, 1, None, "before")), *framed(named(5, 1, None, "after"))])
    trace = merged(tmp_path)
    assert [(leaf.name, leaf.process) for leaf in trace.leaves] == [("before", 0), ("after", 1)]


def test_folder_in_which_no_header_is_whole_is_refused(tmp_path: Path) -> None:
    """There is nothing to be saved, and the target is not made."""
    (tmp_path / "1.stream").write_bytes(header(builders.run())[:-10])
    with pytest.raises(RecordingError, match="begins with a whole header"):
        merge(tmp_path, target=tmp_path / "run.gtrace")
    assert [one.name for one in tmp_path.iterdir()] == ["1.stream"]

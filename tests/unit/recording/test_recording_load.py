"""What `load` makes of whole, cut, damaged, foreign and newer files."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import builders
import pytest
from builders import Story, Tape, scalar
from stream_lines import content, framed, header, line, plain, recording, stream, with_change, with_data

from gradtrace.errors import RecordingError
from gradtrace.model import (
    Blind,
    BlindSpot,
    Effect,
    EventKind,
    LeafKind,
    Observation,
    PassCall,
    PassError,
    TensorStats,
    Trace,
)
from gradtrace.recording import blind_spots, load
from gradtrace.renderers.document import trace as trace_document
from gradtrace.renderers.explain import explanation

TRACES = {
    name: getattr(builders, name)
    for name in dir(builders)
    if name.endswith("_trace") and name != "hostile_trace"  # lone surrogates side by side join in JSON
}


def written(tmp_path: Path, lines: list[bytes]) -> Path:
    path = tmp_path / "run.gtrace"
    path.write_bytes(content(lines))
    return path


def loaded(tmp_path: Path, lines: list[bytes]) -> Trace:
    return load(written(tmp_path, lines))


def refusal(tmp_path: Path, file: bytes | list[bytes]) -> str:
    path = tmp_path / "run.gtrace"
    path.write_bytes(file if isinstance(file, bytes) else content(file))
    with pytest.raises(RecordingError) as caught:
        load(path)
    return str(caught.value).replace(str(tmp_path), "DIR")


def kinds(lines: list[bytes]) -> list[str]:
    return [re.match(rb'{"t": "(\w+)"', text).group(1).decode() for text in lines]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", sorted(TRACES))
def test_whole_recording_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    """Every fact of the model survives the file."""
    trace = TRACES[name]()
    assert repr(loaded(tmp_path, recording(trace))) == repr(trace)


def test_hostile_text_survives(tmp_path: Path) -> None:
    """Control characters, broken surrogates and long text come back as they were."""
    text = "\ud800 \x00\x1b[31m</script>\n\u202e" + "x" * 10_000
    trace = builders.hostile_trace([text])
    assert repr(loaded(tmp_path, recording(trace))) == repr(trace)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b'"dtype": "float32"', b'"dtype": "<b>"', "dtype"),
        (b'"device": "cpu"', b'"device": "cpu\\u001b"', "device"),
    ],
)
def test_words_that_torch_or_the_recorder_choose_have_their_form(
    tmp_path: Path, old: bytes, new: bytes, what: str
) -> None:
    """Where no text of the user can stand, none is let in."""
    lines = recording(builders.product_trace())
    assert f"is no {what}" in refusal(tmp_path, [lines[0], *with_change(lines[1:], old, new)])


def test_one_stream_without_an_end_is_read_and_marked(tmp_path: Path) -> None:
    """A stream has no status: the run is not complete, and a blind spot says so."""
    trace = loaded(tmp_path, stream(builders.product_trace()))
    assert len(trace.passes) == 3
    assert (trace.run.complete, trace.run.status) == (False, None)
    end = "the recording has no end: it was cut short, or the program was still running"
    assert trace.run.blind_spots == (BlindSpot(Blind.FILE_CUT, end),)


def test_truncated_last_line_is_left_out(tmp_path: Path) -> None:
    """What stands before the cut is kept."""
    lines = framed(stream(builders.product_trace()))
    trace = loaded(tmp_path, [*lines[:-1], lines[-1][:-9]])
    assert len(trace.passes) == 3
    assert len(trace.events) == 3
    cut = "the recording ends in the middle of a line; it was read up to there"
    assert trace.run.blind_spots[0] == BlindSpot(Blind.FILE_CUT, cut)


def test_last_line_that_only_lacks_its_break_counts(tmp_path: Path) -> None:
    """An editor that strips the last line break takes nothing away."""
    trace = builders.product_trace()
    lines = framed(recording(trace))
    assert loaded(tmp_path, [*lines[:-1], lines[-1].rstrip(b"\n")]) == trace


def test_every_cut_leaves_the_passes_before_it(tmp_path: Path) -> None:
    """Wherever a stream ends, the finished passes are all there."""
    lines = stream(builders.module_net_trace(2, 1))
    for length in range(1, len(lines) + 1):
        trace = loaded(tmp_path, lines[:length])
        n_finished = kinds(lines[:length]).count("pass_end")
        assert [one.index for one in trace.passes if one.error is None] == list(range(1, n_finished + 1))


def test_pass_cut_after_its_graph_is_kept_and_marked(tmp_path: Path) -> None:
    """Killed in the middle of backward: the graph is there, without measurements."""
    lines = stream(builders.product_trace())
    trace = loaded(tmp_path, lines[: kinds(lines).index("pass") + 1])
    (only,) = trace.passes
    assert only.error == PassError("incomplete", "the recording ends in the middle of this pass")
    assert only.graph is not None
    assert len(only.graph.edges) == 4
    assert not trace.run.complete


def test_pass_cut_in_the_middle_of_a_column_is_kept_up_to_there(tmp_path: Path) -> None:
    """The numbers that are not whole are left out, and the graph stays."""
    lines = framed(stream(builders.product_trace()))
    at = next(i for i, text in enumerate(lines) if b'"t": "flow"' in text)
    assert b'"bytes":' in lines[at]
    trace = loaded(tmp_path, [*lines[:at], lines[at][:-5]])
    (only,) = trace.passes
    assert only.error == PassError("incomplete", "the recording ends in the middle of this pass")
    cut = "the recording ends in the middle of a line; it was read up to there"
    assert trace.run.blind_spots[0] == BlindSpot(Blind.FILE_CUT, cut)


def test_graph_is_written_once_for_all_passes_that_have_it(tmp_path: Path) -> None:
    """A later pass refers to it, and carries numbers alone."""
    lines = stream(builders.product_trace())
    second = [i for i, kind in enumerate(kinds(lines)) if kind == "graph"][1]
    changed = with_change(lines[second + 1 :], b'"graph": 3', b'"graph": 0')
    trace = loaded(tmp_path, [*lines[:second], *changed])
    assert repr(trace.passes) == repr(builders.product_trace().passes)


def test_program_killed_by_a_signal_is_named(tmp_path: Path) -> None:
    """The status of the run says what ended it."""
    trace = builders.product_trace()
    killed = loaded(tmp_path, recording(replace(trace, run=replace(trace.run, status=-9))))
    assert killed.run.blind_spots == (BlindSpot(Blind.KILLED),)
    assert not killed.run.complete


def test_what_a_recorder_did_not_see_is_read(tmp_path: Path) -> None:
    """With its place, and its process's number; from the file alone too, without reading the rest."""
    lines = recording(builders.product_trace())
    at = kinds(lines).index("location") + 1
    blind = b'{"t":"blind","reason":"asleep","text":"x","count":2,"pass_index":1,"location":0}\n'
    new = b'{"t":"blind","reason":"of tomorrow"}\n'
    trace = loaded(tmp_path, [*lines[:at], blind, new, *lines[at:]])
    first, second = trace.run.blind_spots
    assert first.location is not None
    assert replace(first, location=None) == BlindSpot(Blind.ASLEEP, "x", 2, 1)
    assert second == BlindSpot("of tomorrow")
    assert blind_spots(next(tmp_path.iterdir())) == (BlindSpot(Blind.ASLEEP, "x", 2, 1), second)


def changes(lines: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Every line lost, doubled, moved by one, or with one of its figures changed."""
    for i, text in enumerate(lines):
        yield f"line {i + 1} lost", [*lines[:i], *lines[i + 1 :]]
        yield f"line {i + 1} doubled", [*lines[: i + 1], *lines[i:]]
        if i + 1 < len(lines):
            yield f"line {i + 1} moved", [*lines[:i], lines[i + 1], text, *lines[i + 2 :]]
        for digit in list(re.finditer(rb"\d", text))[:: max(1, len(text) // 30)]:
            other = b"%d" % ((int(digit[0]) + 1) % 10)
            yield (
                f"line {i + 1} changed",
                [*lines[:i], text[: digit.start()] + other + text[digit.end() :], *lines[i + 1 :]],
            )


@pytest.mark.parametrize("name", ["accumulate_trace", "hooked_trace", "failed_trace"])
def test_no_line_is_lost_doubled_moved_or_changed_unseen(tmp_path: Path, name: str) -> None:
    """Each is refused, except for the end of the file, whose loss makes the recording incomplete and is noted."""
    whole = framed(recording(TRACES[name]()))
    assert loaded(tmp_path, whole) == TRACES[name]()
    for what, lines in changes(whole):
        try:
            trace = loaded(tmp_path, lines)
        except RecordingError:
            continue
        assert lines == whole[:-1], what
        assert trace.run.blind_spots[-1].reason == Blind.FILE_CUT


def test_line_without_a_checksum_is_damage(tmp_path: Path) -> None:
    """Every line has one."""
    lines = framed(recording(builders.product_trace()))
    bare = recording(builders.product_trace())
    assert "line 3: it lacks its checksum" in refusal(tmp_path, [*lines[:2], bare[2], *lines[3:]])


def test_later_definition_replaces_the_earlier_one(tmp_path: Path) -> None:
    """A leaf that got a better name and an owner bears them in the trace."""
    fields: dict[str, Any] = {"kind": "tensor", "shape": [], "dtype": "float32", "device": "cpu", "requires_grad": True}
    trace = loaded(
        tmp_path,
        [
            header(builders.run()),
            line("leaf", id=7, name="leaf 7", optimizers=[], **fields),
            line("optimizer", id=3, type="SGD", n_params=1),
            line("leaf", id=7, name="w", optimizers=[3], **fields),
            line("observation", kind="ops", count=1),
            line("observation", kind="ops", count=5, text="many"),
        ],
    )
    assert [(leaf.id, leaf.name, leaf.optimizers) for leaf in trace.leaves] == [(0, "w", (0,))]
    assert trace.run.observations == (Observation("ops", 5, None, "many"),)


def test_processes_are_renumbered_over_the_run(tmp_path: Path) -> None:
    """Ids of leaves and optimizers, and indices of passes, are those of the run; each knows its process."""
    one = builders.accumulate_trace()
    lines = [header(one.run)]
    for process in (0, 1):
        lines += [line("process", process=process, pid=process), *stream(one)[1:]]
    trace = loaded(tmp_path, [*lines, line("status", status=0)])
    assert [leaf.id for leaf in trace.leaves] == [0, 1, 2, 3]
    assert [leaf.process for leaf in trace.leaves] == [0, 0, 1, 1]
    assert [leaf.optimizers for leaf in trace.leaves] == [(0,), (0,), (1,), (1,)]
    assert [one.index for one in trace.passes] == list(range(1, 9))
    assert [row.leaf for row in trace.passes[4].accumulations] == [2, 3]
    assert {node.leaf for node in trace.passes[4].graph.nodes if node.leaf is not None} == {2, 3}  # type: ignore[union-attr]
    assert [event.order for event in trace.events] == list(range(12))
    assert [event.pass_index for event in trace.events[6:]] == [5, 6, 7, 8, 8, 8]
    assert {event.optimizer for event in trace.events[6:] if event.kind == "step"} == {1}
    assert trace.run.n_processes == 2


def test_backward_events_name_the_leaves_that_were_added_to(tmp_path: Path) -> None:
    """The event is written before the pass, without leaves; the pass itself tells which they are."""
    trace = builders.product_trace()
    lines = [text.replace(b'"leaves": [0, 1]', b'"leaves": []') for text in recording(trace)]
    assert [event.leaves for event in loaded(tmp_path, lines).events] == [(0, 1), (0, 1), (), (0, 1)]


def ledger(index: int, count: int) -> bytes:
    fields = {"call": "Tensor.backward", "roots": [], "retain_graph": False, "create_graph": False}
    return line("pass", index=index, recorded="ledger", count=count, **fields)


@pytest.mark.parametrize(
    ("full_index", "expected"),
    [
        (1, [(1, 1, "full"), (2, 9, "ledger")]),
        (4, [(1, 3, "ledger"), (4, 1, "full"), (5, 6, "ledger")]),
        (10, [(1, 9, "ledger"), (10, 1, "full")]),
        (11, [(1, 10, "ledger"), (11, 1, "full")]),
    ],
)
def test_full_pass_makes_room_in_a_counted_range(
    tmp_path: Path, full_index: int, expected: list[tuple[int, int, str]]
) -> None:
    """What was counted and then recorded in full is listed once."""
    tape = Tape()
    w = tape.leaf("w", scalar(2))
    story = Story(tape, builders.run())
    story.backward(tape, tape.mul(w, w))
    trace = story.trace()
    lines = stream(trace)
    again = [text.replace(b'"index": 1,', b'"index": %d,' % full_index) for text in lines[1:]]
    begin = [lines[0], ledger(1, 10), line("process", process=0, pid=1)]
    passes = loaded(tmp_path, [*begin, *again]).passes
    assert [(one.index, one.count, one.recorded) for one in passes] == expected


def test_nested_pass_without_its_parent_stands_alone(tmp_path: Path) -> None:
    """A parent that was not recorded is not referred to."""
    pair = [
        ledger(1, 1).replace(b'"index": 1', b'"index": 1, "parent": 9'),
        ledger(2, 1).replace(b'"t"', b'"parent": 1, "t"'),
    ]
    passes = loaded(tmp_path, [header(builders.run()), *pair]).passes
    assert [one.parent for one in passes] == [None, 1]


def test_unknown_kinds_and_fields_of_a_newer_minor_version_are_skipped(tmp_path: Path) -> None:
    """A file of version 2.9 is read for what this version knows."""
    trace = builders.product_trace()
    lines = [text.replace(b'{"t":', b'{"colour": [1], "t":') for text in recording(trace)]
    lines[0] = lines[0].replace(b"[2, 0]", b"[2, 9]")
    lines.insert(3, line("weather", temperature=20))
    read = loaded(tmp_path, framed(lines))
    assert replace(read, run=replace(read.run, notes=())) == trace
    (note,) = read.run.notes
    assert note == (
        "1 line names a kind that only a newer gradtrace knows: show the recording with the version that wrote it, "
        "0.1.0"
    )


def test_kinds_of_things_in_a_newer_minor_version_are_read_as_unknown(tmp_path: Path) -> None:
    """A leaf, a pass, what it did, and an event of kinds that are not declared here are there, and a note says so."""
    lines = recording(builders.product_trace())
    lines[0] = lines[0].replace(b"[2, 0]", b"[2, 9]")
    for known in (b'"kind": "tensor"', b'"call": "Tensor.backward", "roots"', b'"created"', b'"kind": "zero_grad"'):
        text = next(text for text in lines if known in text)
        word = known.split(b'"')[-2] if known != b'"call": "Tensor.backward", "roots"' else b"Tensor.backward"
        lines[lines.index(text)] = text.replace(known, known.replace(word, b"later"))
    trace = loaded(tmp_path, framed(lines))
    assert trace.leaves[0].kind is LeafKind.UNKNOWN
    assert trace.passes[0].call is PassCall.UNKNOWN
    assert trace.passes[0].accumulations[0].effect is Effect.UNKNOWN
    assert [event.kind for event in trace.events].count(EventKind.UNKNOWN) == 1
    assert trace.run.notes[0].startswith("4 lines name a kind that only a newer gradtrace knows")
    trace_document.render(trace, trace_document.Options())
    explanation.render(trace, explanation.Options())


def test_kind_of_a_thing_that_this_version_does_not_have_is_damage(tmp_path: Path) -> None:
    """Nobody wrote that, so the file was changed."""
    lines = with_change(recording(builders.product_trace()), b'"kind": "tensor"', b'"kind": "later"')
    assert "it names a kind that this version does not have" in refusal(tmp_path, lines)


def test_unknown_kind_in_this_version_is_damage(tmp_path: Path) -> None:
    """Nothing is skipped that this version should know."""
    text = refusal(tmp_path, [header(builders.run()), line("weather", temperature=20)])
    assert text.startswith("DIR/run.gtrace is damaged at line 2: Invalid value 'weather'")


@pytest.mark.parametrize("version", [[3, 1], [1, 1]])
def test_other_major_version_is_refused(tmp_path: Path, version: list[int]) -> None:
    """The message says whose file it is and what to do."""
    theirs = ".".join(map(str, version))
    assert refusal(tmp_path, header(builders.run(), version=version, gradtrace="9.0", target=None)) == (
        f"DIR/run.gtrace has format version {theirs}, written by gradtrace '9.0'; gradtrace 0.1.0 reads version 2.4: "
        "show it with the version that wrote it, or record the program again"
    )


TEXT = "it is text, and its first line is not a gradtrace header"

FOREIGN = {
    b"PK\x03\x04rest": "it looks like a file that torch.save or pickle wrote",
    b"\x80\x02}q\x00.": "it looks like a file that torch.save or pickle wrote",
    b"\x7fELF\x00\x01": "it holds binary data",
    b"import torch\n": TEXT,
    b"[]\n": TEXT,
    b"\n\n": TEXT,
    b'{"t": "header", "format": "other", "version": [2, 0]}\n': TEXT,
    b"[" * 200_000: TEXT,
}


@pytest.mark.parametrize("content", FOREIGN, ids=range(len(FOREIGN)))
def test_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """The message says what the file seems to be and how a recording is made."""
    assert refusal(tmp_path, content) == (
        f"DIR/run.gtrace is not a recording: {FOREIGN[content]}; gradtrace record TARGET makes one"
    )


def test_empty_and_missing_files_are_refused(tmp_path: Path) -> None:
    """The message says which."""
    assert refusal(tmp_path, b"") == (
        "DIR/run.gtrace is empty: the recording was never written; record the program again"
    )
    with pytest.raises(RecordingError, match=r"cannot read .*nothing.gtrace: No such file or directory"):
        load(tmp_path / "nothing.gtrace")
    with pytest.raises(RecordingError, match=r"cannot read .*: it is a directory, not a file"):
        load(tmp_path)


def test_header_cut_in_the_middle_is_refused(tmp_path: Path) -> None:
    """The only line is not whole."""
    content = header(builders.run()).replace(b'{"t": "header"', b'{"t":"header"')[:-20]
    assert refusal(tmp_path, content) == (
        "DIR/run.gtrace ends in the middle of its first line; record the program again"
    )


BROKEN: dict[str, tuple[bytes, bytes]] = {
    "it is not JSON": (b'"t": "graph"', b'"t": "graph'),
    "there is no location 77": (b'"call": "Tensor.mul", "location": 0', b'"call": "m", "location": 77'),
    "there is no graph 9": (b'"graph": 0', b'"graph": 9'),
    "there is no spec 70": (b'"outputs": [[0, 0', b'"outputs": [[0, 70'),
    "there is no flow 50": (b'"flow": 2', b'"flow": 50'),
    "the graph has 4 nodes, where it says 5": (b'"n_nodes": 4', b'"n_nodes": 5'),
    "the graph has 4 edges, where it says 0": (b'"n_edges": 4', b'"n_edges": 0'),
    "pass 9 has not begun": (b'"t": "measured", "index": 1', b'"t": "measured", "index": 9'),
    "pass 1 was recorded in full, and names no graph": (b'"graph": 0', b'"graph": null'),
    "pass 1 has no such numbers": (b'"index": 1, "state": 1', b'"index": 1, "states": 1'),
    "'many' is not a number": (b'"rows": [[0.5,', b'"rows": [["many",'),
    "there are fewer rows than it says": (b'"rows": [[', b'"row": [['),
    "there is less data behind it than it says": (b'["kind", "I", 4]', b'["kind", "I", 400]'),
    "there is more data behind it than it says": (b'["kind", "I", 4], ', b""),
    "'kind' is no column of 4 of type 'Q'": (b'["kind", "I", 4]', b'["kind", "Q", 4]'),
    "column received has 13 numbers, which are no rows of 3": (
        b'["received", "I", 12], ["arrived", "I", 0], ["sent", "I", 8]',
        b'["received", "I", 13], ["arrived", "I", 0], ["sent", "I", 7]',
    ),
    "dict is not the element of a tensor": (b'"value": 0.5', b'"value": {"a": 1}'),
    "a root names node 8 of 4": (b'"roots": [[0', b'"roots": [[8'),
    "process 5 follows process 0": (b'"process": 0', b'"process": 5'),
}

WRONG_NUMBERS: dict[str, tuple[str, str, int, int]] = {
    "there is no kind of nodes 44": ("graph", "kind", 0, 44),
    "an edge names node 99 of 4": ("graph", "target", 0, 99),
    "there is no leaf 5": ("state", "leaf", 1, 5),
    "node 0 saves 2 tensors, and no tensor 7": ("state", "saved", 1, 7),
    "there is no form 200": ("state", "form", 0, 200),
    "there is no node 44": ("flow", "order", 0, 44),
    "there is no edge 9": ("flow", "sent", 0, 9),
    "there are no statistics 400": ("flow", "sent", 1, 400),
    "there are no statistics -2": ("flow", "accumulation", 1, -2),
    "there is no effect 6": ("flow", "accumulation", 4, 6),
}


def assert_is_damaged(text: str, damage: str) -> None:
    assert re.match(r"DIR/run.gtrace is damaged at line \d+: ", text)
    assert damage in text
    assert text.endswith(
        "the file was changed after it was recorded: record the program again, or save what stands before that "
        "line with gradtrace merge DIR/run.gtrace -o OTHER"
    )


@pytest.mark.parametrize("damage", BROKEN)
def test_damage_in_the_middle_is_refused_with_its_place(tmp_path: Path, damage: str) -> None:
    """The message says which line cannot be true, why, and what to do."""
    assert_is_damaged(refusal(tmp_path, with_change(recording(builders.product_trace()), *BROKEN[damage])), damage)


@pytest.mark.parametrize("damage", WRONG_NUMBERS)
def test_number_of_a_column_that_refers_to_nothing_is_damage(tmp_path: Path, damage: str) -> None:
    """What a column names must be there."""
    lines = with_data(recording(builders.product_trace()), *WRONG_NUMBERS[damage])
    assert_is_damaged(refusal(tmp_path, lines), damage)


def test_second_header_is_damage(tmp_path: Path) -> None:
    """A file has one."""
    first, *rest = recording(builders.product_trace())
    assert_is_damaged(refusal(tmp_path, [first, first, *rest]), "a second header")


def test_data_behind_a_line_that_has_no_columns_is_damage(tmp_path: Path) -> None:
    """Nobody would read it."""
    lines = [*recording(builders.product_trace()), line("note", b"data", text="x")]
    assert_is_damaged(refusal(tmp_path, lines), "there is data behind it, where none belongs")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (2.0, (2.0, 2.0, 2.0, 2.0, 0, 0, 0)),
        ([3.0, -4.0], (5.0, -4.0, 3.0, -0.5, 0, 0, 0)),
        ([[0.0, 1.0], [2.0, 2.0]], (3.0, 0.0, 2.0, 1.25, 0, 0, 1)),
        (["nan", 1.0], ("nan", "nan", "nan", "nan", 1, 0, 0)),
        (["inf", 0.0], ("inf", 0.0, "inf", "inf", 0, 1, 1)),
        (["3+4j", 0], (5.0, None, None, None, 0, 0, 1)),
        ([True, False], (1.0, None, None, None, 0, 0, 1)),
        ([], (0.0, None, None, None, 0, 0, 0)),
    ],
)
def test_values_alone_make_the_statistics(tmp_path: Path, values: Any, expected: tuple[Any, ...]) -> None:
    """A small tensor is recorded by its elements; everything else follows from them."""
    row = [[2], "float32", 2, None, None, None, None, None, None, None, values]
    fields = {"call": "Tensor.backward", "retain_graph": False, "create_graph": False, "recorded": "ledger"}
    begin = line("pass", index=1, roots=[[None, "loss", 0, row, None]], **fields)
    measured = loaded(tmp_path, [header(builders.run()), begin]).passes[0].roots[0].value
    assert measured is not None
    found = (measured.norm, measured.min, measured.max, measured.mean, measured.nan, measured.inf, measured.zero)
    assert tuple(plain(item) for item in found) == expected


@pytest.mark.parametrize("values", [["a"], ["1+j", None], [[1.0], 2.0, "b"], [10**30], [[1.0, [2.0]]]])
def test_values_that_are_no_tensor_are_damage(tmp_path: Path, values: Any) -> None:
    """Elements of several kinds make no statistics."""
    row = [[2], "float32", 2, None, None, None, None, None, None, None, values]
    fields = {"call": "Tensor.backward", "retain_graph": False, "create_graph": False, "recorded": "ledger"}
    begin = line("pass", index=1, roots=[[None, "loss", 0, row, None]], **fields)
    text = refusal(tmp_path, [header(builders.run()), begin, line("pass_end", index=1)])
    assert "is damaged at line 3: " in text


def measured_when_it_broke() -> Trace:
    """A node's saved tensors, with statistics from while the pass ran besides their values and leaves."""
    trace = builders.product_trace()
    one, *more = trace.passes
    assert one.graph is not None
    first, *others = one.graph.nodes
    kept = tuple(replace(saved, stats=TensorStats((40,), "float32", 40, 2.0, nan=0, inf=0)) for saved in first.saved)
    graph = replace(one.graph, nodes=(replace(first, saved=kept), *others))
    return replace(trace, passes=(replace(one, graph=graph), *more))


def test_what_was_measured_of_saved_tensors_when_a_gradient_broke_is_read(tmp_path: Path) -> None:
    """What was known of them before stays."""
    trace = measured_when_it_broke()
    assert loaded(tmp_path, recording(trace)) == trace


def test_saved_tensor_that_is_not_there_cannot_have_been_measured(tmp_path: Path) -> None:
    """While the pass ran, as before it."""
    lines = with_data(recording(measured_when_it_broke()), "flow", "saved", 1, 7)
    assert_is_damaged(refusal(tmp_path, lines), "node 0 saves 2 tensors, and no tensor 7")

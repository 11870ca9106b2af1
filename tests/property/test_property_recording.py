"""No bytes make `load` fail otherwise than by saying so; and what is written comes back."""

import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import builders
import pytest
from builders import Tape, scalar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_lines import content as joined
from stream_lines import framed, recording

from gradtrace.errors import RecordingError
from gradtrace.model import (
    Event,
    EventKind,
    Leaf,
    LeafKind,
    Location,
    Observation,
    ObservationKind,
    Run,
    TensorStats,
    Trace,
)
from gradtrace.recording import load
from gradtrace.renderers.document import trace as trace_document

quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


LONGEST_MESSAGE = 600


def loaded(content: bytes) -> Trace:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.gtrace"
        path.write_bytes(content)
        return load(path)


def says_so_or_loads(content: bytes) -> None:
    try:
        trace = loaded(content)
    except RecordingError as error:
        if len(str(error)) > LONGEST_MESSAGE:
            pytest.fail(f"nobody reads {len(str(error))} characters")
        return
    assert [leaf.id for leaf in trace.leaves] == list(range(len(trace.leaves)))
    for one in trace.passes:
        if one.graph:
            assert [node.id for node in one.graph.nodes] == list(range(len(one.graph.nodes)))
    trace_document.render(trace, trace_document.Options())


@quick
@given(st.binary(max_size=400))
def test_any_bytes(content: bytes) -> None:
    """A file of any bytes is refused in words."""
    says_so_or_loads(content)


SAMPLES = [recording(make()) for make in (builders.product_trace, builders.failed_trace, builders.hooked_trace)]
"""Lines without frames: what is done to them gets a true checksum, so that `load` must look at it."""
TOKENS = [
    b"1" * 30,
    b"1" * 400,
    b"null",
    b"-1",
    b"1e999",
    b"99999999999999999999",
    b'"nan"',
    b"[]",
    b"{}",
    b"NaN",
    b'"\\ud800"',
    b"[[",
    b"\n",
    b"\0",
]


@quick
@given(st.sampled_from(SAMPLES), st.data())
def test_mutated_recordings(sample: list[bytes], data: st.DataObject) -> None:
    """A recording with parts overwritten, removed or doubled is read or refused in words."""
    lines = list(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        start = data.draw(st.integers(0, len(lines[at])))
        stop = min(len(lines[at]), start + data.draw(st.sampled_from([0, 1, 2, 5, 50, 1000])))
        change = data.draw(st.sampled_from([*TOKENS, b"", lines[at][start:stop] * 2]))
        lines[at] = lines[at][:start] + change + lines[at][stop:]
    says_so_or_loads(b"".join(framed(lines)))


@quick
@given(st.sampled_from(SAMPLES), st.data())
def test_files_with_bytes_changed(sample: list[bytes], data: st.DataObject) -> None:
    """A file with parts overwritten, removed or doubled is read or refused in words."""
    file = joined(sample)
    start = data.draw(st.integers(0, len(file)))
    stop = min(len(file), start + data.draw(st.sampled_from([0, 1, 2, 5, 50, 1000])))
    change = data.draw(st.sampled_from([*TOKENS, b"", file[start:stop] * 2]))
    says_so_or_loads(file[:start] + change + file[stop:])


@quick
@given(st.sampled_from(SAMPLES), st.data())
def test_recordings_with_another_number_in_a_column(sample: list[bytes], data: st.DataObject) -> None:
    """Whatever stands in the columns, it is read or refused in words."""
    lines = list(sample)
    with_data = [at for at, one in enumerate(lines) if one.split(b"\n", 1)[1]]
    at = data.draw(st.sampled_from(with_data))
    text, columns = lines[at].split(b"\n", 1)
    changed = bytearray(columns)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.sampled_from([0, 1, 2, 3, 127, 255]))
    lines[at] = text + b"\n" + bytes(changed)
    says_so_or_loads(joined(lines))


@quick
@given(st.sampled_from(SAMPLES), st.data())
def test_recordings_with_another_number_somewhere(sample: list[bytes], data: st.DataObject) -> None:
    """Numbers that refer to nothing never get past `load`."""
    texts = [(at, *one.split(b"\n", 1)) for at, one in enumerate(sample)]
    digits = [(at, i) for at, text, _ in texts for i, byte in enumerate(text) if chr(byte).isdigit()]
    at, position = data.draw(st.sampled_from(digits))
    number = data.draw(st.sampled_from([b"0", b"1", b"7", b"-3", b"1000", b"0.5", b"1" * 30, b"1" * 400]))
    changed = sample[at][:position] + number + sample[at][position + 1 :]
    says_so_or_loads(joined([*sample[:at], changed, *sample[at + 1 :]]))


@quick
@given(st.sampled_from(SAMPLES), st.data())
def test_recordings_with_lines_missing_doubled_or_moved(sample: list[bytes], data: st.DataObject) -> None:
    """Lines in any order and number are read or refused in words."""
    says_so_or_loads(joined(sample[:1] + data.draw(st.lists(st.sampled_from(sample), max_size=30))))


@quick
@given(st.sampled_from(SAMPLES), st.data())
def test_no_change_of_a_recording_goes_unseen(sample: list[bytes], data: st.DataObject) -> None:
    """With checksums, whatever is done to whole lines is refused, unless only the end is missing, which is said."""
    lines = framed(sample)
    whole = loaded(b"".join(lines))
    changed = list(lines)
    for _ in range(data.draw(st.integers(1, 3))):
        i = data.draw(st.integers(0, len(changed) - 1))
        j = data.draw(st.integers(0, len(changed)))
        match data.draw(st.sampled_from(["lose", "double", "move", "flip"])):
            case "lose":
                del changed[i : i + data.draw(st.integers(1, 3))]
            case "double":
                changed.insert(j, changed[i])
            case "move":
                changed.insert(j, changed.pop(i))
            case _:
                line = bytearray(changed[i])
                line[data.draw(st.integers(0, len(line) - 2))] ^= 1 << data.draw(st.integers(0, 6))
                changed[i] = bytes(line)
        if not changed:
            return
    try:
        trace = loaded(b"".join(changed))
    except RecordingError:
        return
    if b"".join(changed).split() == b"".join(lines).split():
        assert trace == whole
    else:
        assert not trace.run.complete
        assert trace.run.notes


texts = st.text(st.characters(exclude_categories=()), max_size=20).map(
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")  # pairs of surrogates join
)
numbers = st.floats() | st.integers(-(2**63), 2**64 - 1)
shapes = st.lists(st.integers(0, 2**40), max_size=4).map(tuple)
locations = st.builds(Location, texts, *[st.integers(0, 2**31)] * 4, texts, texts)
values = st.recursive(
    numbers | st.booleans() | st.just("1+2j"), lambda inner: st.lists(inner, max_size=3), max_leaves=16
)
measured = st.builds(
    TensorStats,
    shapes,
    st.sampled_from(["float32", "complex64"]),
    st.integers(0, 2**60),
    *[st.none() | numbers] * 4,
    *[st.none() | st.integers(0, 2**60)] * 3,
    st.none() | values,
)


def known(kinds: type[StrEnum]) -> st.SearchStrategy[StrEnum]:
    """Every kind but `UNKNOWN`, which no recording names."""
    return st.sampled_from([kind for kind in kinds if kind.name != "UNKNOWN"])


@st.composite
def traces(draw: Callable[..., object]) -> Trace:
    """Any run of one process without a pass."""
    n_leaves: int = draw(st.integers(0, 3))  # type: ignore[assignment]
    some_text, some_place = texts, st.none() | locations
    dtype = st.sampled_from(["float32", "float8_e4m3fn"])
    device = st.sampled_from(["cpu", "cuda:1", "privateuseone:0"])
    leaves = [
        draw(
            st.builds(
                Leaf, st.just(i), some_text, known(LeafKind), shapes, dtype, device, st.booleans(), st.just(()),
                st.none() | values, some_place,
            )
        )
        for i in range(n_leaves)
    ]  # fmt: skip
    ids = st.lists(st.integers(0, n_leaves - 1), max_size=3).map(tuple) if n_leaves else st.just(())
    events = [
        draw(
            st.builds(
                Event, st.just(i), known(EventKind), st.just(0), ids, some_place, st.none() | st.booleans(), st.none(),
                some_text, st.integers(1, 9), st.none() | st.booleans(), st.none() | st.booleans(),
                st.none() | some_text, st.booleans(),
            )
        )
        for i in range(draw(st.integers(0, 3)))  # type: ignore[call-overload]
    ]  # fmt: skip
    run = draw(
        st.builds(
            Run, some_text, st.lists(some_text, max_size=3).map(tuple), some_text, some_text.map("2.13".__add__),
            some_text, some_text, st.none() | st.integers(), st.integers(0, 255), st.just(True), st.none(),
            st.none() | some_text, st.just(1), st.just(()) | st.just((Observation(ObservationKind.OPS, 3),)),
        )
    )  # fmt: skip
    return Trace(run, tuple(leaves), (), (), tuple(events))  # type: ignore[arg-type]


@quick
@given(traces())
def test_any_run_comes_back_as_it_was(trace: Trace) -> None:
    """Texts, numbers and places of any kind survive the file."""
    assert repr(loaded(joined(recording(trace)))) == repr(trace)


@quick
@given(st.data())
def test_any_graph_comes_back_as_it_was(data: st.DataObject) -> None:
    """Graphs of any form, with any statistics on their edges and nodes, survive the file."""
    tape = Tape()
    refs = [tape.leaf("a", scalar(0.5)), tape.leaf("b", scalar(math.inf))]
    for _ in range(data.draw(st.integers(1, 12))):
        left, right = (data.draw(st.sampled_from(refs)) for _ in range(2))
        refs.append(data.draw(st.sampled_from([tape.mul, tape.add]))(left, right))
    trace = builders.trace_of(tape.backward(refs[-1], data.draw(st.sampled_from(refs)))[0])
    assert repr(loaded(joined(recording(trace)))) == repr(trace)


@quick
@given(measured)
def test_any_statistics_come_back_as_they_were(stats: TensorStats) -> None:
    """Special numbers, large integers and complex numbers survive the file."""
    if stats.norm is None:  # statistics are then made of the values, if there are any
        stats = replace(stats, value=None)
    stats = replace(stats, numel=math.prod(stats.shape))
    trace = builders.linear_trace()
    one = trace.passes[0]
    row = replace(one.accumulations[0], contribution=stats)
    changed = replace(trace, passes=(replace(one, accumulations=(row,)),))
    assert repr(loaded(joined(recording(changed)))) == repr(changed)

"""The file of a process: written where it is ours, whatever happens to descriptors, and whole at any time."""

import errno
import functools
import json
import os
import zlib

import pytest
from interruptions import interrupted

from gradtrace.recorder.stream import Stream


@pytest.fixture
def stream(tmp_path):
    made = Stream(tmp_path / "1.stream")
    yield made
    made.close()


def numbers(path):
    """What the lines say under `a`; their frames are right."""
    checksum, found = 0, []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        record = json.loads(line)
        checksum = zlib.crc32(line[: line.index(b',"n":')], checksum)
        assert (record["n"], record["crc"]) == (number, checksum)
        found.append(record["a"])
    return found


def line(number):
    return f'{{"a":{number}}}'


def test_the_program_gets_the_numbers_it_would_get(stream, tmp_path):
    """Ours is far above."""
    with (tmp_path / "before").open("w") as file:
        free = file.fileno()
    stream.write(line(1))

    with (tmp_path / "after").open("w") as file:
        assert file.fileno() == free
    assert stream._fd > 512 or stream._fd > os.sysconf("SC_OPEN_MAX") / 2


def test_a_number_that_is_not_ours_any_more_is_left_alone(stream, tmp_path):
    """The program closes it, and it becomes a file of its own; or it puts that over ours."""
    for way in ("closed", "replaced"):
        stream.write(line(1))
        ours = stream._fd
        theirs = os.open(tmp_path / way, os.O_RDWR | os.O_CREAT)
        if way == "closed":
            os.close(ours)
        os.dup2(theirs, ours)
        stream.write(line(2))
        stream.close()
        os.write(ours, b"mine")
        for descriptor in (theirs, ours):
            os.close(descriptor)
        assert (tmp_path / way).read_bytes() == b"mine"

    assert numbers(stream.path) == [1, 2, 1, 2]


def test_a_file_that_was_removed_is_not_written_to(stream):
    """Nor made anew."""
    stream.write(line(1))
    stream.path.unlink()

    with pytest.raises(FileNotFoundError, match="was removed while the program ran"):
        stream.write(line(2))
    assert not stream.path.exists()


def test_a_second_process_of_the_same_number_begins_a_file_of_its_own(stream, tmp_path):
    """As after `os.execv`; the files sort in the order of their beginning."""
    stream.write(line(1))
    later = [Stream(tmp_path / "1.stream") for _ in range(2)]
    for one in later:
        one.write(line(2))
        one.close()
        one.write(line(3))
        one.close()

    assert [(path.name, numbers(path)) for path in sorted(tmp_path.iterdir())] == [
        ("1.stream", [1]),
        ("1_001.stream", [2, 3]),
        ("1_002.stream", [2, 3]),
    ]


def test_the_tail_gives_way_to_a_better_one(stream):
    """What is written meanwhile goes before it; a sealed one stays."""
    seen = []
    for step in (
        lambda: stream.write(line(1)),
        lambda: stream.set_tail([line(10), line(11)]),
        lambda: stream.write(line(2)),
        lambda: stream.set_tail([line(20)]),
        lambda: stream.set_tail([line(30), line(31)]),
        stream.seal,
        lambda: stream.write(line(3)),
        lambda: stream.set_tail([line(40)]),
        lambda: stream.set_tail([]),
    ):
        step()
        seen.append(numbers(stream.path))

    assert seen == [
        [1],
        [1, 10, 11],
        [1, 2, 10, 11],
        [1, 2, 20],
        [1, 2, 30, 31],
        [1, 2, 30, 31],
        [1, 2, 30, 31, 3],
        [1, 2, 30, 31, 3, 40],
        [1, 2, 30, 31, 3],
    ]


def test_a_full_disk_leaves_whole_lines(stream, monkeypatch):
    """Half a line is taken back, and what follows can be read if there is room again."""
    write = os.pwrite

    def full(descriptor, data, place):
        if len(data) < 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:-5], place)

    stream.write(line(1))
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        stream.write(line(2))
    monkeypatch.undo()
    stream.write(line(3))

    assert numbers(stream.path) == [1, 3]


def test_a_signal_handler_in_the_middle_of_a_write_waits_its_turn(stream, monkeypatch):
    """Its lines come behind, and nothing is written over anything."""
    write = os.pwrite

    def interrupted(descriptor, data, place):
        monkeypatch.undo()
        stream.write(line(5))
        stream.set_tail([line(50)])
        return write(descriptor, data, place)

    stream.set_tail([line(10)])
    monkeypatch.setattr(os, "pwrite", interrupted)
    stream.write(line(1))

    assert numbers(stream.path) == [1, 5, 50]


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError, ValueError])
def test_whatever_a_handler_raises_in_the_middle_each_line_is_there_once(stream, error):
    """At each instruction of the stream's once; what was under way is done with the next line."""
    n_raised = 0
    expected = []
    for number in range(1, 1000):
        stream.set_tail([line(-number)])
        is_over = not interrupted(
            Stream, number, error, functools.partial(stream.set_tail, [line(-number - 1)], [line(number)])
        )
        n_raised += not is_over
        stream.seal()
        expected.append(number)
        found = [one for one in numbers(stream.path) if one > 0]
        if found != expected:  # it was raised before the stream had heard of the line
            assert found == expected[:-1]
            expected.pop()
        if is_over:
            break
    assert n_raised > 100
    assert len(expected) > n_raised / 2

"""What could not be observed is told once, and counted."""

import json

import pytest
import torch

from gradtrace.model import Blind
from gradtrace.recorder.config import Config
from gradtrace.recorder.engine import watch_engine
from gradtrace.recorder.failures import Failures
from gradtrace.recorder.journal import Journal


@pytest.fixture
def journal(tmp_path):
    made = Journal(Config(session=tmp_path))
    yield made
    made.close()


def lines(journal):
    found = map(json.loads, journal.stream.path.read_text().splitlines())
    return [(one["text"], one["count"]) for one in found if one["t"] == "blind"]


def test_one_line_for_each_kind_and_the_rest_at_the_end(journal):
    """A kind is what was observed and what the error said."""
    stopped = []
    failures = Failures(journal, stopped.append)
    for number in (1, 2, 1, 1, 2):
        failures.absorb("a step", ValueError(number))
    failures.absorb("a step", KeyError(1))
    failures.absorb("a pass", ValueError(1))
    at_once = lines(journal)
    failures.write()

    once = [
        ("a step (ValueError: 1)", 1),
        ("a step (ValueError: 2)", 1),
        ("a step (KeyError: 1)", 1),
        ("a pass (ValueError: 1)", 1),
    ]
    assert at_once == once
    assert lines(journal) == [*once, ("a step (ValueError: 1)", 2), ("a step (ValueError: 2)", 1)]
    assert stopped == []


def test_each_line_says_that_an_observation_failed(journal):
    """And before which pass."""
    journal.last_pass_index = 7
    Failures(journal, pytest.fail).absorb("a step", ValueError("x"))

    line = json.loads(journal.stream.path.read_text().splitlines()[-1])
    assert (line["reason"], line["pass_index"]) == (Blind.OBSERVATION_FAILED, 7)


def test_there_are_at_most_so_many_kinds(journal):
    """An error that says something else each time does not fill the file."""
    failures = Failures(journal, pytest.fail)
    for number in range(300):
        failures.absorb("a step", ValueError(number))

    assert len(lines(journal)) == 100


def test_an_error_of_the_system_ends_the_recording(journal):
    """The stream cannot be written: nothing is, and word is left."""
    stopped = []
    Failures(journal, stopped.append).absorb("a step", OSError(28, "No space left on device"))

    assert stopped == ["OSError: [Errno 28] No space left on device"]
    assert not journal.stream.path.exists()


def test_a_line_that_cannot_be_written_ends_the_recording(journal):
    """The failure to tell of a failure."""
    journal.write_header()
    journal.stream.path.unlink()
    stopped = []
    Failures(journal, stopped.append).absorb("a step", ValueError("x"))

    assert len(stopped) == 1
    assert stopped[0].startswith("FileNotFoundError: ")


class BrokenError(Exception):
    def __str__(self):
        raise ValueError("broken")


def test_an_error_that_cannot_say_what_it_is_ends_the_recording(journal):
    """With the name of its class at least."""
    stopped = []
    failures = Failures(journal, stopped.append)
    failures.stop(BrokenError())
    with pytest.raises(BrokenError) as raised:
        raise BrokenError("ours")
    assert failures.absorb("a step", raised.value)

    assert stopped == ["BrokenError", "ValueError: broken"]


def test_a_text_that_json_cannot_hold_is_spelled_out(journal):
    """Half a surrogate, and a text without end."""
    failures = Failures(journal, pytest.fail)
    failures.absorb("a step", ValueError("\ud800"))
    failures.absorb("a step", ValueError("x" * 1000))

    texts = [text for text, _ in lines(journal)]
    assert texts[0] == "a step (ValueError: \\ud800)"
    assert len(texts[1]) < 520


def test_an_exception_of_the_program_s_loses_our_frames(journal):
    """It goes on as if we had not been there."""
    with pytest.raises(KeyboardInterrupt) as found:
        raise KeyboardInterrupt
    assert not Failures(journal, pytest.fail).absorb("a step", found.value)
    assert Failures(journal, pytest.fail).absorb("a step", ValueError("ours"))
    assert len(lines(journal)) == 1


class Interrupted:
    """Observes passes; Ctrl-C arrives within `no_grad`, just before that would switch grad mode on again."""

    def __init__(self, when):
        self._when = when

    def before_pass(self, *_args, **_kwargs):
        """A pass begins."""
        self._interrupt("before")

    def after_pass(self, *_args):
        """A pass is over."""
        self._interrupt("after")

    def _interrupt(self, now):
        if now == self._when:
            torch._C._set_grad_enabled(False)
            raise KeyboardInterrupt


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_interrupts_our_code_around_a_pass_leaves_grad_mode_alone(when):
    """The program that caught it goes on to train."""
    with pytest.raises(KeyboardInterrupt):
        watch_engine(lambda *_: (), Interrupted(when))((), False)

    assert torch.is_grad_enabled()


def test_what_interrupts_an_observation_leaves_grad_mode_alone(journal):
    """In the program's own `no_grad` as well."""
    failures = Failures(journal, pytest.fail)

    def look(enabled):
        with failures.looking("a step"):
            torch._C._set_grad_enabled(not enabled)
            raise KeyboardInterrupt

    for enabled in (True, False):
        with torch.set_grad_enabled(enabled):
            with pytest.raises(KeyboardInterrupt):
                look(enabled)
            assert torch.is_grad_enabled() is enabled

"""A failure inside the recorder never reaches the program: one observation is lost, and the recording says which."""

import pytest
from recorder_session import hooks_of, recorded, train

from gradtrace.model import Blind
from gradtrace.recorder import (
    events,
    forward_table,
    full_pass,
    grad_watch,
    journal,
    leaves,
    names,
    pass_leaves,
    stream,
    walk,
    watch,
)

PLACES = {
    "writing a line": (stream.Stream, "write"),
    "writing a table": (journal.Journal, "write_rows"),
    "walking the graph": (walk.Walk, "_walk"),
    "describing the nodes": (walk.Describer, "write"),
    "looking through variables": (names.Scope, "_take_variables"),
    "naming a leaf": (leaves.Leaves, "_define"),
    "learning modules": (names.Names, "learn"),
    "measuring": (full_pass.Measurements, "add"),
    "hooking": (full_pass.FullPass, "_hook"),
    "sending": (full_pass.FullPass, "_send"),
    "a leaf's arrival": (full_pass.FullPass, "_receive"),
    "the end of a pass": (pass_leaves.PassLeaves, "rows"),
    "noting a line": (forward_table.ForwardTable, "add"),
    "noting an event": (events.Events, "add"),
    "a gradient that is written": (grad_watch.GradWatch, "_wrote"),
    "beginning to count": (watch.Watch, "begin"),
    "counting": (watch.Watch, "finish"),
}


class InjectedError(Exception):
    pass


def fail(*_args, **_keywords):
    raise InjectedError("on purpose")


@pytest.mark.parametrize("place", PLACES)
def test_the_program_goes_on_as_if_nothing_were(place, tmp_path, monkeypatch, capfd):
    """Numbers, hooks and output; the recording says what was not seen."""
    owner, name = PLACES[place]
    _, expected = train(steps=4)
    with recorded(tmp_path, passes=((1, 2),)) as session:
        monkeypatch.setattr(owner, name, fail)
        net, numbers = train(steps=4)
        monkeypatch.undo()

    assert numbers == expected
    assert all(isinstance(key, int) for keys in hooks_of(net) for key in keys)
    assert capfd.readouterr() == ("", "")
    stopped = session.directory / "stopped"
    if stopped.exists():
        assert stopped.read_text() == "InjectedError: on purpose\0"
    else:
        reasons = {(spot.reason, "InjectedError: on purpose" in spot.text) for spot in session.trace().run.blind_spots}
        assert (Blind.OBSERVATION_FAILED, True) in reasons

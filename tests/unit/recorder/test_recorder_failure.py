"""A failure inside the recorder never reaches the program: one observation is lost, and the recording says which."""

import pytest
from recorder_session import hooks_of, recorded, train

from gradtrace.model import Blind
from gradtrace.recorder import (
    describer,
    events,
    flow,
    forward_table,
    full_pass,
    grad_watch,
    leaves,
    names,
    pass_leaves,
    saved_tensors,
    scope,
    stream,
    tables,
    walk,
    watch,
)

PLACES = {
    "writing a line": (stream.Stream, "write"),
    "writing a table": (tables.Tables, "table"),
    "walking the graph": (walk.Walk, "_walk"),
    "describing the nodes": (describer.Describer, "describe"),
    "describing a node": (describer.Describer, "_kind"),
    "looking at saved tensors": (saved_tensors.SavedTensors, "look"),
    "looking through variables": (scope.Scope, "_take_variables"),
    "naming a leaf": (leaves.Leaves, "_define"),
    "learning modules": (names.Names, "learn"),
    "measuring": (full_pass.Measurements, "add"),
    "hooking": (full_pass.FullPass, "_hook"),
    "sending": (flow.Flow, "_send"),
    "a leaf's arrival": (flow.Flow, "receive"),
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

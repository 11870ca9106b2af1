"""A failure inside the recorder never reaches the program: it is said once, and the recorder switches itself off."""

import pytest
from recorder_session import hooks_of, recorded, train

from gradtrace.recorder import (
    events,
    forward,
    full_pass,
    grad_watch,
    journal,
    leaves,
    names,
    stream,
    walk,
    watch,
)

PLACES = {
    "writing a line": (stream.Stream, "write"),
    "writing a table": (journal.Journal, "write_rows"),
    "walking the graph": (walk.Walk, "_walk"),
    "describing the nodes": (walk.Describer, "write"),
    "looking through variables": (names.Scope, "_take"),
    "naming a leaf": (leaves.Leaves, "_define"),
    "learning modules": (names.Names, "learn"),
    "measuring": (full_pass.Measurements, "add"),
    "hooking": (full_pass.FullPass, "_hook"),
    "sending": (full_pass.FullPass, "_send"),
    "a leaf's arrival": (full_pass.FullPass, "_receive"),
    "the end of a pass": (full_pass.FullPass, "_accumulations"),
    "noting a line": (forward.ForwardTable, "add"),
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
    """Numbers, hooks and output; one line on stderr says what happened."""
    owner, name = PLACES[place]
    _, expected = train(steps=4)
    with recorded(tmp_path, passes=((1, 2),)):
        monkeypatch.setattr(owner, name, fail)
        net, numbers = train(steps=4)
        monkeypatch.undo()

    said = capfd.readouterr()
    assert numbers == expected
    assert all(isinstance(key, int) for keys in hooks_of(net) for key in keys)
    assert said.out == ""
    assert said.err == (
        "gradtrace: the recorder failed and has switched itself off (InjectedError: on purpose); the program goes on\n"
    )

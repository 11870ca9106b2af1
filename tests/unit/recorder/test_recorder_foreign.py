"""Which exceptions, arriving in our code, belong to the program."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gradtrace.recorder.sections import is_foreign, leave_no_trace


def _with_state(state: int, signum: int, frame: object) -> None:
    raise ValueError(state, signum, frame)


def _with_default(signum: int, frame: object, extra: int = 1) -> None:
    raise RuntimeError(signum, frame, extra)


def _without_arguments(signum: int, frame: object) -> None:
    del signum, frame
    raise KeyError("gone")


@pytest.fixture(autouse=True)
def _old_handler() -> Iterator[None]:
    old = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, old)


@pytest.mark.parametrize("handler", [functools.partial(_with_state, 1), _with_default, _without_arguments])
def test_exception_of_a_handler_is_the_programs(handler: Callable[..., Any]) -> None:
    """Whatever the handler's signature, and also if it has dropped its arguments."""
    signal.signal(signal.SIGUSR1, handler)
    with pytest.raises((ValueError, RuntimeError, KeyError)) as caught:
        signal.raise_signal(signal.SIGUSR1)
    assert is_foreign(caught.value)


def test_exception_of_another_function_is_not() -> None:
    """An error of what we called by mistake costs one observation, and no more."""
    with pytest.raises(RuntimeError) as caught:
        _with_default(1, None)
    assert not is_foreign(caught.value)


def test_exception_sent_by_another_thread_is_the_programs() -> None:
    """It is made of the class alone; what torch or the interpreter raises says why."""
    assert is_foreign(KeyError())
    assert not is_foreign(KeyError("name"))


def test_exception_with_no_frame_but_ours_keeps_none() -> None:
    """Nothing is left of its traceback, and nothing is raised."""
    error = KeyError()
    leave_no_trace(error)
    assert error.__traceback__ is None

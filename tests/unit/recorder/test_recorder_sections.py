"""Our stretches of code: what would watch them is off, and whose exception arrives in them is known."""

import ctypes
import functools
import json
import signal
import sys
import threading
import traceback
from pathlib import Path

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from gradtrace.recorder import measure, sections, torch_facts
from gradtrace.recorder.sections import Quiet, is_foreign, is_watched, leave_no_trace


class ProgramError(Exception):
    pass


def watch(*_arguments):
    return None


@pytest.mark.parametrize(("switch", "read"), [(sys.settrace, sys.gettrace), (sys.setprofile, sys.getprofile)])
def test_quiet_switches_functions_of_the_interpreter_off_and_on(switch, read):
    """The trace and the profile function of the program."""
    before = read()
    switch(watch)
    try:
        seen = [is_watched()]
        with Quiet():
            seen += [read(), is_watched()]
        seen.append(read())
    finally:
        switch(before)

    assert seen == [True, None, False, watch]


class Functions(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.__name__)
        return func(*args, **(kwargs or {}))


class Dispatches(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("kind", "name"), [(Functions, "exp"), (Dispatches, "exp.default")])
def test_quiet_keeps_modes_of_the_program_from_seeing(kind, name):
    """They see what comes before and after, and lie where they lay."""
    one = torch.ones(())
    with kind() as mode:
        one.exp()
        with Quiet():
            one.sin()
        one.exp()

    assert mode.seen == [name, name]


def test_quiet_keeps_the_profiler_from_seeing():
    """Operations of ours are in nobody's profile."""
    one = torch.ones(())
    with torch.autograd.profiler.profile() as profile:
        one.exp()
        with Quiet():
            one.sin()
        one.cos()

    assert [event.name for event in profile.function_events] == ["aten::exp", "aten::cos"]


def test_quiet_switches_the_evaluation_of_frames_off_and_on():
    """What torch.compile does with frames of this thread."""

    def evaluate(*_arguments):
        raise AssertionError("a frame of ours was given to the compiler")

    before = torch_facts.set_eval_frame(None)
    try:
        torch_facts.set_eval_frame(False)
        with Quiet():
            inside = torch_facts.set_eval_frame(None)
        outside = torch_facts.set_eval_frame(None)
    finally:
        torch_facts.set_eval_frame(before)

    assert (inside, outside) == (None, False)


def test_quiet_within_quiet_switches_on_only_at_the_end():
    """The inner one finds everything off and leaves it off."""
    sys.setprofile(watch)
    try:
        with Quiet():
            with Quiet():
                pass
            within = sys.getprofile()
        after = sys.getprofile()
    finally:
        sys.setprofile(None)

    assert (within, after) == (None, watch)


def test_quiet_switches_on_after_an_error():
    """And does not take it for itself."""
    with Functions() as mode:
        with pytest.raises(ProgramError), Quiet():
            raise ProgramError
        torch.ones(()).exp()

    assert mode.seen == ["ones", "exp"]


def plain(number, frame):
    raise ProgramError


def rest(*arguments):
    raise ProgramError


def one_and_rest(number, *arguments):
    raise ProgramError


def with_keywords(*arguments, **keywords):
    raise ProgramError


def with_default(number, frame, log=None):
    raise ProgramError


def with_only_keywords(number, frame, *, log=None):
    raise ProgramError


def bound(first, second, third, number, frame):
    raise ProgramError


def changed(number, frame):
    frame = number = None
    raise ProgramError(frame, number)


def dropped(number, frame):
    del number, frame
    raise ProgramError


def nested(number, frame):
    int("no number")


def calls_torch(number, frame):
    torch.ones(2) @ torch.ones(3)


def calls_ours(number, frame):
    bound(1, 2, 3, 4, 5)


class Handlers:
    def method(self, number, frame):
        raise ProgramError

    @classmethod
    def of_class(cls, number, frame):
        raise ProgramError

    @staticmethod
    def static(number, frame):
        raise ProgramError

    def __call__(self, number, frame):
        raise ProgramError


def wrapped(function):
    @functools.wraps(function)
    def wrapper(*arguments, **keywords):
        return function(*arguments, **keywords)

    return wrapper


HANDLERS = {
    "a function": plain,
    "all in one": rest,
    "one and the rest": one_and_rest,
    "with keywords": with_keywords,
    "with a default": with_default,
    "with a keyword only": with_only_keywords,
    "a method": Handlers().method,
    "a method of a class": Handlers.of_class,
    "a static method": Handlers.static,
    "an object that can be called": Handlers(),
    "a partial": functools.partial(with_default, log=1),
    "a partial with positions": functools.partial(bound, 1, 2, 3),
    "a lambda": lambda number, frame: [][number],
    "a decorated function": wrapped(plain),
    "one that changes its arguments": changed,
    "one that drops its arguments": dropped,
    "an error of the interpreter": nested,
    "an error of torch": calls_torch,
    "an error in what it calls": calls_ours,
}


_SOURCE = """
def caught(call, *arguments):
    try:
        call(*arguments)
    except BaseException as error:
        return error
"""
_namespace = {}
exec(compile(_SOURCE, sections.__file__, "exec"), _namespace)
caught = _namespace["caught"]
"""Runs something in a frame of ours, and gives back what arrives there."""


def is_taken_for_foreign(handler):
    """Whether we tell whose it is that a handler raises when its signal comes while our code runs."""
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        return is_foreign(caught(signal.raise_signal, signal.SIGUSR1))
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("handler", HANDLERS)
def test_what_a_handler_of_a_signal_raises_is_the_program_s(handler):
    """However it is written."""
    assert is_taken_for_foreign(HANDLERS[handler])


def test_what_a_handler_within_torch_raises_is_the_program_s():
    """Torch's own handler of SIGCHLD tells of a worker that died."""
    namespace = {}
    source = "def handler(number, frame):\n    raise RuntimeError('a worker is gone')"
    exec(compile(source, torch.utils.data.__file__, "exec"), namespace)

    assert is_taken_for_foreign(namespace["handler"])


def test_what_a_handler_raises_that_has_put_another_in_its_place_is_the_program_s():
    """As those do that are for one time."""

    def handler(number, frame):
        signal.signal(number, signal.SIG_DFL)
        raise ProgramError

    assert is_taken_for_foreign(handler)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, TimeoutError, InterruptedError])
def test_what_nothing_of_ours_raises_is_the_program_s(kind):
    """Ctrl-C, the end of the program and time that is up."""
    assert is_foreign(kind())


def test_what_another_thread_sends_is_the_program_s():
    """It has no frames but ours, and is of a class that nothing we call would raise."""

    def run():
        thread = ctypes.c_ulong(threading.get_ident())
        found.append(caught(ctypes.pythonapi.PyThreadState_SetAsyncExc, thread, ctypes.py_object(ProgramError)))

    found = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert [type(one) for one in found] == [ProgramError]
    assert is_foreign(found[0])


OURS = {
    "of a library in C": (json.loads, "no json"),
    "of torch in C": (torch.ones(2).reshape, 3),
    "of torch in Python": (torch.nn.Linear(2, 1), torch.ones(3)),
    "of the standard library": (Path("nowhere").read_text,),
    "of our own code": (measure.values, None),
    "a dictionary's": ({}.__getitem__, 1),
}


@pytest.mark.parametrize("what", OURS)
def test_what_our_own_calls_raise_is_ours(what):
    """The observation ends; the program hears nothing."""
    error = caught(*OURS[what])
    assert isinstance(error, Exception)
    assert not is_foreign(error)


def test_what_a_function_in_the_place_of_ours_raises_is_ours():
    """As tests put it there, with arguments of any kind."""

    def fail(*_arguments):
        raise ProgramError

    found = [caught(fail, *arguments) for arguments in [(), (1,), (1, 2), (sys._getframe(), 1)]]
    assert [(type(one), is_foreign(one)) for one in found] == [(ProgramError, False)] * 4


def test_a_foreign_exception_shows_no_frame_of_ours():
    """Those below and above stay, in their order."""

    def outer():
        looking_on(inner)

    def inner():
        raise ProgramError

    def looking_on(call):
        raise caught(call)

    error = caught(outer)
    before = [one.name for one in traceback.extract_tb(error.__traceback__)]
    leave_no_trace(error)
    after = [one.name for one in traceback.extract_tb(error.__traceback__)]

    assert before == ["caught", "outer", "looking_on", "caught", "inner"]
    assert after == ["outer", "looking_on", "inner"]


def test_a_foreign_exception_may_have_no_frame_at_all():
    """Or none but ours."""
    without = ProgramError()
    sent = caught(json.loads, "no json")
    only_ours = caught(int, "no number")
    for error in (without, sent, only_ours):
        leave_no_trace(error)

    assert (without.__traceback__, only_ours.__traceback__) == (None, None)
    assert sent.__traceback__.tb_frame.f_code.co_name == "loads"

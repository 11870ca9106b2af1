"""Our mode lies where the program does not meet it, on each thread, and nowhere while compiled code runs."""

import sys
import threading
import traceback

import pytest
import torch
from torch.overrides import TorchFunctionMode

from gradtrace.recorder import torch_facts
from gradtrace.recorder.call_kinds import CallKinds
from gradtrace.recorder.config import Config
from gradtrace.recorder.failures import Failures
from gradtrace.recorder.forward_mode import ForwardMode
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.modes import Modes
from gradtrace.recorder.sites import ModuleTable, settle_own_folders


class Observed:
    """The modes of this process, with what they told of."""

    def __init__(self, directory, *, observers_wait=False):
        self.journal = Journal(Config(session=directory))
        self.stopped = []
        self.slept = []
        self.seen = []
        self.modes = Modes(
            100,
            ModuleTable(),
            CallKinds(reads_of_grad=True),
            (self.observe,),
            Failures(self.journal, self.stopped.append),
            self.slept.append,
            lambda: False,
            observers_wait=observers_wait,
            in_optimizers=lambda kind, args: (self.observe,),
        )

    def observe(self, call):
        self.seen.append((call.func.__name__, call.made_nodes))


@pytest.fixture
def observed(tmp_path):
    settle_own_folders()
    made = Observed(tmp_path)
    yield made
    made.modes.turn_off()
    made.journal.close()
    assert made.stopped == []


def stack():
    return [type(torch_facts.mode_at(position)) for position in range(torch_facts.stack_length())]


class Theirs(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


class Others(Theirs):
    pass


def test_our_mode_lies_below_those_of_the_program(observed):
    """So that the program takes off the topmost, which is its own."""
    with Theirs(), Others():
        observed.modes.turn_on()
        on = stack()
        observed.modes.turn_off()
        off = stack()

    assert on == [ForwardMode, Theirs, Others]
    assert off == [Theirs, Others]
    assert stack() == []


def test_the_mode_of_the_default_device_stays_at_the_bottom(observed):
    """Torch looks for it there."""
    with torch.device("meta"), Theirs():
        observed.modes.turn_on()
        on = stack()
        torch.set_default_device("cpu")
        device = torch.empty(1).device.type
        torch.set_default_device(None)
        observed.modes.turn_off()

    assert on == [torch_facts.DeviceContext, ForwardMode, Theirs]
    assert device == "cpu"


def test_a_default_device_can_be_set_while_ours_is_on(observed):
    """And is in force, until it is taken back."""
    observed.modes.turn_on()
    torch.set_default_device("meta")
    try:
        device = torch.ones(1).device.type
    finally:
        torch.set_default_device(None)
    after = torch.ones(1).device.type
    observed.modes.turn_off()

    assert (device, after, stack()) == ("meta", "cpu", [])


def test_turning_on_twice_is_turning_on_once(observed):
    """And off as well."""
    for _ in range(2):
        observed.modes.turn_on()
    assert stack() == [ForwardMode]
    for _ in range(2):
        observed.modes.turn_off()
    assert stack() == []


def test_each_call_is_told_once(observed):
    """With whether it made a node; reading an attribute is not told."""
    x = torch.ones(2, requires_grad=True)
    observed.modes.turn_on()
    (x * 2).shape  # noqa: B018
    torch.zeros(2)
    observed.modes.turn_off()
    x.exp()

    assert observed.seen == [("mul", True), ("zeros", False)]


def test_observers_that_wait_are_not_told_of_calls_that_make_nodes(tmp_path):
    """These are counted, and their place is known."""
    waiting = Observed(tmp_path, observers_wait=True)
    x = torch.ones(2, requires_grad=True)
    waiting.modes.turn_on()
    before = torch_facts.sequence_number()
    (x * 2).exp()
    torch.zeros(2)
    table = waiting.modes.table()
    places = [table.origins[table.origin_numbers[table.find(before + step)]].place.call for step in (0, 1)]
    waiting.modes.turn_off()
    waiting.journal.close()

    assert waiting.seen == [("zeros", False)]
    assert waiting.modes.n_only_placed == 2
    assert places == ["mul", "exp"]


def test_a_failing_observer_fails_alone(observed):
    """The others are told, and the program gets its result."""

    def fail(call):
        raise ValueError("on purpose")

    observed.modes._observers = (fail, observed.observe)
    observed.modes.turn_on()
    result = torch.ones(2) + 1
    observed.modes.turn_off()

    assert result.tolist() == [2.0, 2.0]
    assert observed.seen == [("ones", False), ("add", False)]


def test_an_error_of_torch_shows_no_frame_of_ours(observed):
    """Its traceback ends in the program's line."""
    observed.modes.turn_on()
    with pytest.raises(RuntimeError) as found:
        torch.ones(2) @ torch.ones(3)
    observed.modes.turn_off()

    assert [one.name for one in traceback.extract_tb(found.value.__traceback__)] == [sys._getframe().f_code.co_name]


def test_turning_off_within_a_call_leaves_nothing_once_it_is_over(observed):
    """Torch has taken our mode off for the call, and puts it back; calls pass through it until then."""

    class Turning(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            observed.modes.turn_off()
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))

    one = torch.ones(2).as_subclass(Turning)
    observed.modes.turn_on()
    one.exp()
    passes_through = [observed.modes.here().is_active, len(observed.seen)]
    observed.modes.turn_off()

    assert passes_through == [False, 0]
    assert (stack(), observed.modes.is_on) == ([], False)


# Compiled regions.


def test_nothing_of_ours_is_there_within_a_compiled_region(observed):
    """However deep; it is back when the outermost is left."""
    observed.modes.turn_on()
    leave_outer = observed.modes.enter_compiled_region(sys._getframe())
    depths = [(stack(), observed.modes.is_asleep)]
    leave_inner = observed.modes.enter_compiled_region(sys._getframe())
    depths.append((stack(), observed.modes.is_asleep))
    leave_inner()
    depths.append((stack(), observed.modes.is_asleep))
    leave_outer()

    assert depths == [([], True)] * 3
    assert (stack(), observed.modes.is_asleep) == ([ForwardMode], False)
    assert observed.slept == [True, False]


def test_modes_of_the_program_stay_in_a_compiled_region(observed):
    """In their order, with ours below them again afterwards."""
    with Theirs(), Others():
        observed.modes.turn_on()
        leave = observed.modes.enter_compiled_region(None)
        within = stack()
        leave()
        after = stack()
        observed.modes.turn_off()

    assert within == [Theirs, Others]
    assert after == [ForwardMode, Theirs, Others]


def test_nodes_of_a_compiled_region_come_from_the_line_that_called_it(observed):
    """Nobody sees the calls that made them."""
    x = torch.ones(2, requires_grad=True)
    observed.modes.turn_on()
    before = torch_facts.sequence_number()
    leave = observed.modes.enter_compiled_region(sys._getframe())
    result = (x * 2).exp()
    leave()
    table = observed.modes.table()
    places = [table.origins[table.origin_numbers[table.find(before + step)]].place for step in (0, 1)]

    assert result.requires_grad
    assert observed.seen == []
    assert [(one.code, one.call) for one in places] == [(sys._getframe().f_code, "compiled")] * 2
    assert table.find(before + 2) == -1


def test_what_is_turned_off_within_a_compiled_region_stays_off(observed):
    """And what is turned on there is on when it is left."""
    observed.modes.turn_on()
    leave = observed.modes.enter_compiled_region(None)
    observed.modes.turn_off()
    leave()
    off = stack()
    leave = observed.modes.enter_compiled_region(None)
    observed.modes.turn_on()
    within = stack()
    leave()

    assert (off, within, stack()) == ([], [], [ForwardMode])


def test_a_compiled_region_within_a_call_leaves_the_mode_to_torch(observed):
    """It has taken it off for the call, and puts it back."""

    class Entering(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            observed.modes.enter_compiled_region(None)()
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **(kwargs or {}))

    observed.modes.turn_on()
    torch.ones(2).as_subclass(Entering).exp()

    assert stack() == [ForwardMode]
    assert observed.slept == []


def checks():
    return vars(torch.functional)["has_torch_function"]


def test_checks_are_the_originals_while_any_thread_is_in_a_compiled_region(observed):
    """Ours are back when the last has left it."""
    original = checks()
    observed.modes.turn_on()
    found = [checks() is original]
    leave = observed.modes.enter_compiled_region(None)
    found.append(checks() is original)

    def other():
        leave_other = observed.modes.enter_compiled_region(None)
        entered.set()
        assert go_on.wait(20)
        leave_other()

    entered, go_on = threading.Event(), threading.Event()
    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(20)
    leave()
    found.append(checks() is original)
    go_on.set()
    thread.join()
    found.append(checks() is original)
    observed.modes.turn_off()
    found.append(checks() is original)

    assert found == [False, True, True, False, True]
    assert observed.slept == [True, False]


# Threads.


def in_a_thread(work, **options):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()), **options)
    thread.start()
    thread.join()
    return found[0]


def test_each_thread_has_a_mode_of_its_own(observed):
    """It begins and ends with the thread, whose table is kept for its graphs."""
    observed.modes.turn_on()
    x = torch.ones(2, requires_grad=True)

    def work():
        observed.modes.thread_begins(is_daemon=False)
        began = stack()
        x.exp()
        table = observed.modes.table()
        observed.modes.thread_ends()
        return began, stack(), table, observed.modes.table()

    began, ended, table, after = in_a_thread(work)
    assert (began, ended, after) == ([ForwardMode], [], None)
    assert observed.seen == [("ones", False), ("exp", True)]
    assert table is not observed.modes.table()
    assert table in observed.modes.tables()
    assert stack() == [ForwardMode]


def test_a_daemon_goes_without(observed):
    """It may end while the interpreter does, when no mode can be freed."""
    observed.modes.turn_on()

    def work():
        observed.modes.thread_begins(is_daemon=True)
        found = stack()
        leave = observed.modes.enter_compiled_region(None)
        leave()
        found += stack()
        observed.modes.thread_ends()
        return found + stack()

    assert in_a_thread(work, daemon=True) == []


def test_a_thread_that_begins_while_nothing_is_recorded_goes_without(observed):
    """Nobody would look at what it makes."""

    def work():
        observed.modes.thread_begins(is_daemon=False)
        return stack()

    assert in_a_thread(work) == []


def test_tables_of_threads_that_have_ended_are_not_kept_without_end(observed):
    """A program may start a thread for each batch."""
    observed.modes.turn_on()

    def work():
        observed.modes.thread_begins(is_daemon=False)
        observed.modes.thread_ends()

    for _ in range(50):
        in_a_thread(work)

    assert len(observed.modes.tables()) == 17


def test_calls_of_another_thread_pass_when_it_is_turned_off(observed):
    """Its mode cannot be taken off from here; it lets everything through, and goes with the thread."""
    observed.modes.turn_on()
    began, off = threading.Event(), threading.Event()

    def work():
        observed.modes.thread_begins(is_daemon=False)
        began.set()
        assert off.wait(20)
        result = torch.ones(2).exp().sum()
        observed.modes.thread_ends()
        return result.item(), stack()

    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    assert began.wait(20)
    observed.modes.turn_off()
    off.set()
    thread.join()

    assert found == [(pytest.approx(5.43656), [])]
    assert observed.seen == []


def test_in_a_forked_child_only_the_thread_that_forked_is_left(observed):
    """Of the others there is neither a mode nor a compiled region."""
    observed.modes.turn_on()
    began, go_on = threading.Event(), threading.Event()

    def work():
        observed.modes.thread_begins(is_daemon=False)
        leave = observed.modes.enter_compiled_region(None)
        began.set()
        assert go_on.wait(20)
        leave()
        observed.modes.thread_ends()

    thread = threading.Thread(target=work)
    thread.start()
    assert began.wait(20)
    modes, asleep, lock = observed.modes._modes, observed.modes._asleep, observed.modes._lock
    both = len(modes)
    try:
        observed.modes.after_fork()  # as the child would: here the other thread is there, and gets back what it had
        alone = len(observed.modes._modes), len(observed.modes._asleep)
    finally:
        observed.modes._modes, observed.modes._asleep, observed.modes._lock = modes, asleep, lock
        go_on.set()
        thread.join()

    assert (both, alone) == (2, (1, 0))

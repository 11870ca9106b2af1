"""A node's number leads to the line that made it."""

import sys
import types

import pytest
import torch

from gradtrace.recorder import forward_table, torch_facts
from gradtrace.recorder.call_kinds import CallKinds
from gradtrace.recorder.forward_table import ForwardTable, Origin
from gradtrace.recorder.sites import ModuleTable, Place

CODE = (lambda: None).__code__


def origin(table, instruction=0):
    return table.origin_number(Origin(Place(CODE, instruction, "call"), -1, True), (id(CODE), instruction, -1, True))


def test_intervals_are_half_open():
    """The number after the last node belongs to nobody, or to the next call."""
    table = ForwardTable(10)
    for start, end in ((3, 5), (5, 6), (8, 9)):
        table.add(start, end, origin(table))

    assert [table.find(number) for number in range(10)] == [-1, -1, -1, 0, 0, 1, -1, -1, 2, -1]
    assert table.find(torch_facts.NO_SEQUENCE - 2**63) == -1


def test_an_origin_is_kept_once():
    """A loop of a thousand steps has one."""
    table = ForwardTable(10)
    numbers = {origin(table, instruction) for instruction in (0, 2, 0, 2, 0)}

    assert numbers == {0, 1}
    assert [one.place.instruction for one in table.origins] == [0, 2]


def test_the_oldest_intervals_go_first(monkeypatch):
    """What is left are the latest, with their origins."""
    monkeypatch.setattr(forward_table, "_MAX_INTERVALS", 10)
    table = ForwardTable(10)
    for number in range(11):
        table.add(number, number + 1, number)

    assert list(table.starts) == [5, 6, 7, 8, 9, 10]
    assert list(table.origin_numbers) == [5, 6, 7, 8, 9, 10]
    assert (table.find(4), table.find(5)) == (-1, 0)


def test_a_node_knows_after_which_pass_it_was_made(monkeypatch):
    """Before the first there was none."""
    table = ForwardTable(10)
    for index, number in ((1, 10), (2, 20), (4, 20)):
        monkeypatch.setattr(forward_table, "_sequence_number", lambda number=number: number)
        table.begin_pass(index)

    assert [table.made_after(number) for number in (0, 9, 10, 19, 20, 99)] == [0, 0, 1, 1, 4, 4]


def test_what_a_call_made_last_is_followed_by_another_place():
    """The same line again is the same call."""
    table = ForwardTable(10)
    for position, instruction in enumerate((0, 0, 2)):
        table.add(position, position + 1, origin(table, instruction))

    assert [table.is_last_of_call(position) for position in range(3)] == [False, True, True]


def test_the_place_of_a_call_is_the_program_s_line():
    """Also where torch's own functions lie between, of which the outermost is what was called."""
    found = []

    class Watching(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            number = table.origin_at(sys._getframe(1), func.__name__, modules)
            found.append(table.origins[number])
            return func(*args, **(kwargs or {}))

    table, modules = ForwardTable(10), ModuleTable()
    with Watching():
        torch.nn.functional.gelu(torch.nn.functional.softplus(torch.ones(2)))
        torch.nn.functional.gaussian_nll_loss(torch.ones(2), torch.ones(2), torch.ones(2))

    code = sys._getframe().f_code
    assert {one.place.code for one in found} == {code}
    assert {one.place.call for one in found if not one.is_direct} == {"gaussian_nll_loss"}
    assert {"ones", "gelu", "softplus"} <= {one.place.call for one in found if one.is_direct}


def test_values_of_small_results_are_kept():
    """Of plain tensors with a node, one by one or in a tuple."""
    table = ForwardTable(4)
    x = torch.ones(2, requires_grad=True)
    small, big, constant = x * 2, x.expand(3, 2) * 2, x.detach() * 2
    pair = (x * 3).split(1)
    for one in (small, big, constant, pair, None, 1.0, [x * 4] * 9):
        table.note_result(one)

    number = small.grad_fn._sequence_nr()
    split = pair[0].grad_fn._sequence_nr()
    assert list(table.values) == [(number, 0), (split, 0), (split, 1)]
    assert table.values[number, 0] == ((2,), torch.float32, [2.0, 2.0])


def test_values_of_other_tensors_are_not_read():
    """Sparse ones, subclasses, and those without memory."""
    table = ForwardTable(100)
    x = torch.ones(2, 2, requires_grad=True)

    class Subclass(torch.Tensor):
        pass

    for one in (x.to_sparse(), torch.ones(2, device="meta", requires_grad=True) * 2, (x * 2).as_subclass(Subclass)):
        table.note_result(one)

    assert table.values == {}


def test_what_is_known_of_tensors_stays_within_bounds(monkeypatch):
    """The latest half is kept."""
    monkeypatch.setattr(forward_table, "_MAX_KEPT", 10)
    table = ForwardTable(4)
    table.freed.update((number, 1) for number in range(11))
    table.values.update(((number, 0), "") for number in range(10))
    table.retained.update((number, 0) for number in range(11))
    table.after_pass()

    assert list(table.freed) == [6, 7, 8, 9, 10]
    assert len(table.values) == 10
    assert table.retained == set()


def test_the_code_that_calls_in_a_frame_s_name_is_made_once():
    """For each instruction; it bears the file and line of the frame."""
    table = ForwardTable(4)
    frame = sys._getframe()
    line = frame.f_lineno
    code = table.calling_code(frame)
    again = [table.calling_code(frame) for _ in range(2)]

    assert again[0] is again[1]
    assert (code.co_filename, code.co_firstlineno) == (__file__, line + 1)
    call = types.FunctionType(code, globals())
    assert call(int, ("11",), {"base": 2}) == 3


# Kinds of calls.

KINDS = {
    "IN_PLACE": [torch.Tensor.add_, torch.Tensor.__setitem__, torch.Tensor.__iadd__, torch.relu_, torch.Tensor.zero_],
    "IN_PLACE_LIST": [torch._foreach_add_, torch._foreach_zero_, torch._fused_adam_],
    "GRAD_GET": [torch.Tensor.grad.__get__],
    "GRAD_SET": [torch.Tensor.grad.__set__],
    "GRAD_DELETE": [torch.Tensor.grad.__delete__],
    "RETAIN": [torch.Tensor.retain_grad],
    "HOOKS": [torch.Tensor._backward_hooks.__set__, torch.Tensor._backward_hooks.__get__],
    "SWITCH": [torch.Tensor.requires_grad_, torch.Tensor.requires_grad.__set__],
    "PASSIVE": [torch.Tensor.shape.__get__, torch.Tensor.requires_grad.__get__, torch.Tensor.grad_fn.__get__],
    "NOTHING": [
        torch.Tensor.add,
        torch.ones,
        torch.Tensor.data.__get__,
        torch.Tensor.data.__set__,
        torch.Tensor.__add__,
        torch.Tensor.__len__,
        torch._foreach_add,
        torch.nn.functional.relu,
    ],
}


@pytest.mark.parametrize("kind", KINDS)
def test_functions_are_sorted_by_what_they_can_mean(kind):
    """And again in the same way."""
    kinds = CallKinds(reads_of_grad=True)
    expected = [getattr(CallKinds, kind)] * len(KINDS[kind])
    assert [kinds.of(func) for func in KINDS[kind]] == expected
    assert [kinds.of(func) for func in KINDS[kind]] == expected


def test_reads_of_grad_are_passive_unless_they_are_asked_for():
    """Writes are not."""
    kinds = CallKinds(reads_of_grad=False)
    assert kinds.of(torch.Tensor.grad.__get__) == CallKinds.PASSIVE
    assert kinds.of(torch.Tensor.grad.__set__) == CallKinds.GRAD_SET


def test_a_callable_of_the_program_s_is_not_asked_for_its_hash():
    """Nor for its name."""

    class Callable:
        __hash__ = __eq__ = __getattr__ = __getattribute__ = None

    assert CallKinds(reads_of_grad=True).of(Callable()) == CallKinds.NOTHING

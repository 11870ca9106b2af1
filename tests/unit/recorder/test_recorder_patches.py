"""What is replaced is replaced whole or not at all, and what somebody else put there stays."""

import types

import pytest

from gradtrace.recorder.patches import Patches


class BreakError(Exception):
    pass


def owner():
    return types.SimpleNamespace(first="first", second="second")


def wrapped(original):
    return [original]


def test_everything_is_put_back():
    """In any order of names, also what was replaced twice."""
    one, patches = owner(), Patches()
    for name in ("first", "second", "first"):
        patches.replace(one, name, wrapped)
    between = vars(one).copy()
    patches.undo()

    assert between == {"first": [["first"]], "second": ["second"]}
    assert vars(one) == {"first": "first", "second": "second"}
    assert not patches


def test_what_somebody_else_put_there_later_is_kept():
    """He may hold ours in his, so that to put the original back would undo his work."""
    one, patches = owner(), Patches()
    patches.replace(one, "first", wrapped)
    patches.replace(one, "second", wrapped)
    one.first = theirs = ["theirs", one.first]
    patches.undo()

    assert one.first is theirs
    assert one.second == "second"


def test_what_somebody_else_removed_stays_removed():
    """Nothing comes back that the program has deleted."""
    one, patches = owner(), Patches()
    patches.replace(one, "first", wrapped)
    del one.first
    patches.undo()

    assert vars(one) == {"second": "second"}


def test_an_attribute_that_is_inherited_is_not_replaced():
    """It would lie in two places afterwards."""

    class Base:
        name = 1

    class Derived(Base):
        pass

    patches = Patches()
    with pytest.raises(KeyError):
        patches.replace(Derived, "name", wrapped)

    assert "name" not in vars(Derived)
    assert not patches


def test_a_wrapper_that_cannot_be_made_leaves_the_original():
    """And what was replaced before it can be put back."""

    def fail(original):
        raise BreakError

    one, patches = owner(), Patches()
    patches.replace(one, "first", wrapped)
    with pytest.raises(BreakError):
        patches.replace(one, "second", fail)
    between = vars(one).copy()
    patches.undo()

    assert between == {"first": ["first"], "second": "second"}
    assert vars(one) == {"first": "first", "second": "second"}


def test_the_latest_is_undone_first_and_each_even_if_others_fail():
    """The first failure is told when all is done."""
    done, patches = [], Patches()

    def fail(number):
        done.append(number)
        raise BreakError(number)

    patches.add(lambda: done.append(1))
    patches.add(lambda: fail(2))
    patches.add(lambda: fail(3))
    patches.add(lambda: done.append(4))
    with pytest.raises(BreakError) as found:
        patches.undo()

    assert done == [4, 3, 2, 1]
    assert found.value.args == (3,)
    assert not patches


def test_undoing_twice_undoes_once():
    """What somebody put there in between is his."""
    one, patches = owner(), Patches()
    patches.replace(one, "first", wrapped)
    patches.undo()
    one.first = "theirs"
    patches.undo()

    assert one.first == "theirs"

"""What keeps a tensor knows the line that stored it there, and not only the one that made it."""

import pytest
import torch
from recorder_session import recorded

from gradtrace.recorder.stores import Target, stored_by


def text(location):
    return location and location.text.strip()


def holder_of(directory, program, name):
    """Who keeps graphs, after a program has run five passes."""
    with recorded(directory, facts=True) as session:
        program()
    found = [one for one in session.trace().holders if one.name == name]
    return found[-1]


def loss_of(w):
    loss = (w * 2).sum()
    loss.backward()
    return loss


class Tracker:
    def __init__(self):
        self.history = []
        self.by_name = {}
        self.last = None
        self.other = []

    def log(self, value):
        self.other.append(1)
        self.history.append(value)

    def note(self, value, step):
        self.by_name[step] = value

    def chain(self, value):
        kept = value if self.last is None else self.last + value
        self.last = kept


def run(keep, steps=6):
    w = torch.ones(2, requires_grad=True)
    for step in range(steps):
        loss = (w * 2).sum()
        keep(loss, step)
        loss.backward(retain_graph=True)


def test_a_list_that_a_method_fills(tmp_path):
    """The method has returned when anybody looks."""
    tracker = Tracker()

    def program():
        run(lambda loss, step: tracker.log(loss))
        assert tracker.history

    found = holder_of(tmp_path, program, "tracker.history")
    assert (text(found.location), text(found.made)) == ("self.history.append(value)", "loss = (w * 2).sum()")


def test_a_dictionary_that_a_method_fills(tmp_path):
    """By an assignment to an item."""
    tracker = Tracker()

    def program():
        run(tracker.note)
        assert tracker.by_name

    found = holder_of(tmp_path, program, "tracker.by_name")
    assert (text(found.location), text(found.made)) == ("self.by_name[step] = value", "loss = (w * 2).sum()")


def test_an_attribute(tmp_path):
    """Of its two assignments one stores no tensor."""
    tracker = Tracker()

    def program():
        run(lambda loss, step: tracker.chain(loss))
        assert tracker.last is not None

    found = holder_of(tmp_path, program, "tracker.last")
    assert text(found.location) == "self.last = kept"
    assert text(found.made) == "kept = value if self.last is None else self.last + value"


def test_a_variable_that_is_made_where_it_is_stored(tmp_path):
    """One line is both."""

    def program():
        w = torch.ones(2, requires_grad=True)
        total = 0
        for _ in range(6):
            loss = (w * 2).sum()
            total = total + loss
            loss.backward(retain_graph=True)

    found = holder_of(tmp_path, program, "total")
    assert text(found.location) == text(found.made) == "total = total + loss"


def test_a_list_of_the_running_function(tmp_path):
    """As ever, also where another function has a list of this name."""

    def program():
        w = torch.ones(2, requires_grad=True)
        losses = []
        for _ in range(6):
            loss = (w * 2).sum()
            losses.append(loss)
            loss.backward(retain_graph=True)

    assert text(holder_of(tmp_path, program, "losses").location) == "losses.append(loss)"


class Pair:
    def __init__(self):
        self.w = torch.ones(2, requires_grad=True)
        self.parts = []

    def add(self):
        part = torch.ones(2, requires_grad=True)
        self.parts.append(part)


def test_leaves_in_attributes_and_containers(tmp_path):
    """The line that made one may be another than that which put it there."""
    with recorded(tmp_path) as session:
        pair = Pair()
        pair.add()
        x = torch.ones(2, requires_grad=True)
        params = {}
        params["x"] = x
        del x
        (pair.w + pair.parts[0] + params["x"]).sum().backward()

    found = {one.name: (text(one.location), text(one.stored)) for one in session.trace().leaves}
    assert found == {
        "pair.w": ("self.w = torch.ones(2, requires_grad=True)", "self.w = torch.ones(2, requires_grad=True)"),
        "pair.parts[0]": ("part = torch.ones(2, requires_grad=True)", "self.parts.append(part)"),
        "params['x']": ("x = torch.ones(2, requires_grad=True)", 'params["x"] = x'),
    }


def test_what_takes_no_part_knows_its_store_too(tmp_path):
    """In an item or an attribute; with its cut, the place of both."""

    class Memory:
        def keep(self, value):
            self.state = value.detach()

        def step(self):
            w = torch.ones(2, requires_grad=True)
            hidden = w * 2
            self.keep(hidden)
            batch = {}
            batch["image"] = torch.ones(2)
            (hidden * self.state * batch["image"]).sum().backward()

    with recorded(tmp_path, facts=True) as session:
        Memory().step()

    trace = session.trace()
    found = {one.name: one for one in trace.bystanders}
    assert text(found["batch['image']"].location) == 'batch["image"] = torch.ones(2)'
    assert text(found["self.state"].location) == "self.state = value.detach()"
    assert trace.cuts[found["self.state"].cut].call == "detach"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("losses[3]", ("losses", False, True)),
        ("losses[", ("losses", False, True)),
        ("self.history[0]", ("history", True, True)),
        ("a.b.c", ("c", True, False)),
        ("total", ("total", False, False)),
        ("state['a.b'].x", ("state", False, True)),
    ],
)
def test_what_a_path_says(path, target):
    """The last name before an item is taken."""
    assert Target.of(path) == target


def compiled(source):
    names = {}
    exec(compile(source, "<string>", "exec"), names)
    return names["f"].__code__


@pytest.mark.parametrize(
    ("source", "path", "line"),
    [
        ("def f(a, x):\n    a.append(x)\n", "a[0]", 2),
        ("def f(a, x):\n    a += [x]\n", "a[0]", 2),
        ("def f(a, x):\n    a[0] = x\n", "a[0]", 2),
        ("def f(a, x):\n    a['k']['l'].append(x)\n", "a['k']['l'][0]", 2),
        ("def f(s, x):\n    s.a['k'].extend([x])\n", "s.a['k'][0]", 2),
        ("def f(s, x):\n    s.a = []\n    s.a = [x]\n", "s.a", 3),
        ("def f(s, x):\n    s.a = None\n    s.a = x\n", "s.a", 3),
        ("def f(x):\n    a = None\n    a = x\n", "a", 3),
        ("def f(a, x):\n    a.remove(x)\n    len(a)\n", "a[0]", None),
        ("def f(a, b, x):\n    b.append(a)\n", "a[0]", None),
        ("def f(s, x):\n    s.b.a.append(x)\n", "s.b[0]", None),
        ("def f(a, x):\n    a.append(x)\n    a.append(x)\n", "a[0]", None),
        ("def f(a, x):\n    b = a[0]\n    print(a.append, x)\n", "a[0]", None),
    ],
)
def test_which_instructions_store(source, path, line):
    """And none where several do, or none does."""
    place = stored_by([compiled(source)], path)
    found = None if place is None else next(one[2] for one in place.code.co_lines() if one[1] > place.instruction)
    assert found == line

"""Tensors are called as a person would call them, and leaves know the line that made them."""

import dataclasses
import functools
import gc
import operator
import sys
import types
import warnings
from typing import NamedTuple

import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.recorder.births import Births
from gradtrace.recorder.call_kinds import CallKinds
from gradtrace.recorder.forward_mode import TorchCall
from gradtrace.recorder.names import Names
from gradtrace.recorder.scope import Scope


def leaf(*shape):
    return torch.ones(*(shape or (2,)), requires_grad=True)


def scope():
    """What can be seen by who calls this."""
    return Scope(vars(sys)["_getframe"](1))


def names_of(directory, program, **options):
    """The names of all leaves, after a program has run one pass."""
    with recorded(directory, **options) as session:
        program()
    return [one.name for one in session.trace().leaves]


# Variables before elements.


def test_a_variable_goes_before_an_element(tmp_path):
    """Though the list was filled first, and is the first in its namespace."""
    losses = []
    w = leaf()
    with recorded(tmp_path) as session:
        loss = (w * 2).sum()
        losses.append(loss)
        loss.backward()

    one = session.trace().passes[0]
    assert [root.name for root in one.roots] == ["loss"]
    assert one.graph.nodes[0].name == "loss"


class Output(NamedTuple):
    """What a model may return."""

    loss: torch.Tensor
    n_tokens: int = 0


def test_what_holds_a_root_is_not_its_name(tmp_path):
    """`out` is the object, `out.loss` the tensor; a variable that has held a number since then was the tensor's."""

    def model(w):
        return Output(loss=(w * 2).sum())

    w = leaf()
    with recorded(tmp_path) as session:
        out = model(w)
        out.loss.backward()
        model(w).loss.backward()
        loss = (w * 3).sum()
        loss.backward()
        loss = (w * 4).sum()
        kept = [loss * 1]
        loss = loss.item()
        kept[0].backward()

    passes = session.trace().passes
    assert [one.roots[0].name for one in passes] == ["out.loss", None, "loss", "kept[0]"]
    assert [one.graph.nodes[0].name for one in passes[:3]] == [None, None, "loss"]
    assert [node.name for node in passes[3].graph.nodes if node.op == "sum"] == ["loss"]


def test_a_root_is_called_as_its_line_writes_it(tmp_path):
    """Where that is a path, to whatever takes it; of an expression the line alone is told."""
    w = leaf()

    def out():
        return Output(loss=(w * 2).sum())

    with recorded(tmp_path) as session:
        first, second = {"of a": out()}, [out(), out()]
        first["of a"].loss.backward(
            retain_graph=True,
        )
        torch.autograd.grad(second[1].loss, w)
        torch.autograd.backward(
            tensors=second[0].loss,
        )
        (first["of a"].loss / 2).backward()
        torch.autograd.grad([out().loss, out().loss], w)

    names = [[root.name for root in one.roots] for one in session.trace().passes]
    assert names == [['first["of a"].loss'], ["second[1].loss"], ["second[0].loss"], [None], [None, None]]


def test_an_object_that_has_a_backward_of_its_own_is_no_root(tmp_path):
    """Nobody knows what it starts."""

    class Loss:
        def __init__(self, tensor):
            self.backward = (tensor * 2).backward

    with recorded(tmp_path) as session:
        loss = Loss(leaf().sum())
        loss.backward()

    assert [root.name for root in session.trace().passes[0].roots] == [None]


def test_a_variable_of_an_outer_frame_goes_before_an_element_of_an_inner_one():
    """The element is what the callee happens to have been given it in."""

    def inner(batch):
        return scope().tensors[id(batch[0])]

    def outer():
        weight = leaf()
        return inner([weight])

    assert outer() == "weight"


def test_what_a_shell_keeps_is_no_name():
    """IPython holds each result once more, and each cell."""
    value = leaf()
    names = {"_oh": {3: value}, "Out": {3: value}, "_ih": ["x"], "In": ["x"], "_3": value, "_": value, "scope": scope}
    names |= {"answer": value}
    exec("found = scope().tensors", names)

    assert names["found"][id(value)] == "answer"
    del names["answer"]
    exec("found = scope().tensors", names)
    assert id(value) not in names["found"] or names["found"][id(value)] == "value"


def test_what_pytest_and_comprehensions_keep_is_no_name():
    """Their names are none that Python would take."""
    value = leaf()
    space = {"@py_assert1": value, ".0": value, "scope": scope}
    exec("found = scope().tensors", space)
    assert space["found"].get(id(value), "value") == "value"


def test_the_variable_of_a_loop_is_not_the_name_of_what_a_list_holds(tmp_path):
    """After the loop it would be the name of the last."""

    def program():
        weights = [leaf(), leaf()]
        total = 0
        for w in weights:
            total = total + w.sum()
        total.backward()

    assert names_of(tmp_path, program) == ["weights[0]", "weights[1]"]


def test_nor_where_a_loop_takes_pairs_apart(tmp_path):
    """`for i, (a, b) in enumerate(...)` assigns three."""

    def program():
        pairs = {"one": leaf(), "two": leaf()}
        total = 0
        for _, (_name, w) in enumerate(pairs.items()):
            total = total + w.sum()
        total.backward()

    assert names_of(tmp_path, program) == ["pairs['one']", "pairs['two']"]


def test_a_loop_variable_is_a_name_where_there_is_no_other(tmp_path):
    """What a generator makes is held by nobody else."""

    def program():
        for w in (leaf() for _ in range(1)):
            w.sum().backward()

    assert names_of(tmp_path, program) == ["w"]


def test_nor_where_the_list_is_held_by_something_else(tmp_path):
    """The way to it is longer, and always leads to the same."""

    def program():
        model = Plain(weights=[leaf(), leaf()])
        for w in model.weights:
            w.data.mul_(2)
        (model.weights[0] * model.weights[1]).sum().backward()

    assert names_of(tmp_path, program) == ["model.weights[0]", "model.weights[1]"]


def test_what_a_function_encloses_is_named_as_there(tmp_path):
    """And what it has as attributes."""

    def make():
        weights = [leaf(), leaf()]

        def run():
            return (weights[0] * weights[1]).sum() * run.scale

        run.scale = leaf(1)
        return run

    def program():
        model = make()
        model().sum().backward()

    assert set(names_of(tmp_path, program)) == {"weights[0]", "weights[1]", "model.scale"}


def test_parameters_of_traced_modules_have_their_path(tmp_path):
    """Torch keeps them in a module of its own, inside of the one that the program has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(nn.Sequential(nn.Linear(1, 1)), torch.ones(1, 1))

    assert set(names_of(tmp_path, lambda: traced(torch.ones(1, 1)).sum().backward())) == {"0.weight", "0.bias"}


# Paths.


class Pair(NamedTuple):
    left: torch.Tensor
    right: torch.Tensor


class Plain:
    def __init__(self, **fields):
        self.__dict__.update(fields)


def test_leaves_in_containers_have_their_path(tmp_path):
    """Lists, dictionaries and attributes, several steps deep."""
    linear = nn.Linear(1, 1)

    def program():
        params = {"net.0.weight": leaf(), "deep": {"er": [leaf()]}}
        model = Plain(blocks=[Plain(attn=Plain(qkv=Plain(weight=leaf())))], net=[[[linear]]])
        space = types.SimpleNamespace(w=leaf())
        total = params["net.0.weight"].sum() + params["deep"]["er"][0].sum() + space.w.sum()
        (total + model.blocks[0].attn.qkv.weight.sum() + linear(torch.ones(1, 1)).sum()).backward()

    assert set(names_of(tmp_path, program)) == {
        "params['net.0.weight']",
        "params['deep']['er'][0]",
        "model.blocks[0].attn.qkv.weight",
        "space.w",
        "weight",
        "bias",
    }


def test_modules_in_plain_objects_have_their_path(tmp_path):
    """Several models without a variable of their own are told apart by the way that leads to them."""

    class Model:
        def __init__(self):
            self.layers = [Plain(fc=nn.Linear(1, 1, bias=False)) for _ in range(2)]

        def run(self, x):
            for layer in self.layers:
                x = layer.fc(x)
            return x.sum()

        def step(self):
            self.run(torch.ones(1, 1)).backward()

    assert set(names_of(tmp_path, lambda: Model().step())) == {"self.layers[0].fc.weight", "self.layers[1].fc.weight"}


def test_fields_of_tuples_and_dataclasses_are_named():
    """By their names, not their numbers."""

    @dataclasses.dataclass
    class Data:
        w: torch.Tensor

    state = [Data(leaf()), Pair(leaf(), leaf())]
    seen = scope()
    assert [seen.path(one) for one in (state[0].w, *state[1])] == ["state[0].w", "state[1].left", "state[1].right"]


def test_the_search_is_bounded():
    """In depth and in number."""
    inside = leaf()
    deep = [[[[[[[[inside]]]]]]]]
    assert scope().path(deep[0][0][0][0][0][0][0][0]) == "inside"
    del inside
    assert scope().path(deep[0][0][0][0][0][0][0][0]) is None
    many = [[object() for _ in range(400)] for _ in range(400)] + [[leaf()]]
    assert scope().path(many[-1][0]) is None


def test_nothing_of_the_program_s_runs():
    """No property, `__len__`, `__iter__`, `__eq__`, `__hash__`, `__getattr__` of an object that is passed by."""

    def trap(*_):
        raise AssertionError("asked")

    names = ("__len__", "__iter__", "__eq__", "__hash__", "__bool__", "__getattr__", "__getitem__", "__repr__")
    members = dict.fromkeys(names, trap) | {"hidden": property(trap)}
    trapped, listed, keyed = (type("Trap", kinds, members) for kinds in ((), (list,), (dict,)))
    one = trapped()
    object.__setattr__(one, "w", leaf())
    held = [one, listed([leaf()]), keyed({"a": leaf()}), {1: trapped()}]
    assert scope().path(vars(one)["w"]) == "one.w"
    assert len(held) == 4


# Wrappers.


def wrapped(kind, path="torch.nn.parallel.distributed", **parts):
    """A module that stands for a wrapper of this class and of this package."""
    made = type(kind, (nn.Module,), {"__module__": path})()
    for name, part in parts.items():
        made.add_module(name, part)
    return made


@pytest.mark.parametrize(
    ("wrap", "expected"),
    [
        (lambda net: wrapped("DistributedDataParallel", module=net), ["0.weight"]),
        (lambda net: wrapped("OptimizedModule", "torch._dynamo.eval_frame", _orig_mod=net), ["0.weight"]),
        (lambda net: wrapped("_FabricModule", "lightning.fabric.wrappers", _forward_module=net), ["0.weight"]),
        (lambda net: wrapped("FullyShardedDataParallel", _fsdp_wrapped_module=net), ["0.weight"]),
        (
            lambda net: wrapped("DistributedDataParallel", module=wrapped("OptimizedModule", _orig_mod=net)),
            ["0.weight"],
        ),
        (lambda net: nn.ModuleDict({"enc": wrapped("OptimizedModule", _orig_mod=net)}), ["enc.0.weight"]),
        (lambda net: wrapped("Mine", "train", module=net), ["module.0.weight"]),
        (lambda net: nn.ModuleDict({"module": net}), ["module.0.weight"]),
        (torch.optim.swa_utils.AveragedModel, ["0.weight", "n_averaged"]),
    ],
)
def test_wrappers_are_no_part_of_a_name(wrap, expected):
    """A part that the program itself calls `module` is one."""
    model = wrap(nn.Sequential(nn.Linear(1, 1, bias=False)))
    names = Names()
    names.learn(scope(), [])
    tensors = [*model.parameters(), *model.buffers()]
    assert [names.tensor(one)[0] for one in tensors] == expected
    inner = next(part for part in model.modules() if isinstance(part, nn.Linear))
    assert names.module_path(inner) == expected[0].removesuffix(".weight")


def test_variables_of_keras_have_the_path_that_keras_gives_them():
    """Without the model's own name, as layers of torch have theirs."""
    layer = nn.Module()
    layer._torch_params = nn.ParameterDict()
    for path in ("sequential/dense/kernel", "dense/bias"):
        layer._torch_params._parameters[path] = nn.Parameter(torch.ones(1))
    model = nn.ModuleDict({"a": layer})
    names = Names()
    names.learn(scope(), [])
    assert [names.tensor(one)[0] for one in model.parameters()] == ["dense.kernel", "dense.bias"]


# Where leaves are made.


def places(session):
    return {one.name: one.location and one.location.text.strip() for one in session.trace().leaves}


@pytest.mark.parametrize("facts", [False, True])
def test_a_leaf_knows_the_line_that_made_it(tmp_path, facts):
    """At any level; a parameter that nobody filled is seen only with facts."""
    with recorded(tmp_path, facts=facts) as session:
        a = torch.randn(2, requires_grad=True)
        b = torch.ones(2).requires_grad_()
        c = torch.zeros(2)
        c.requires_grad = True
        d = torch.tensor([1.0, 2.0], requires_grad=True)
        e = nn.Parameter(torch.ones(2))
        f = (a * 2).detach().clone().requires_grad_(True)
        net = nn.Linear(2, 2)
        norm = nn.LayerNorm(2)
        norm(net(a + b + c + d + e + f)).sum().backward()

    assert places(session) == {
        "a": "a = torch.randn(2, requires_grad=True)",
        "b": "b = torch.ones(2).requires_grad_()",
        "c": "c.requires_grad = True",
        "d": "d = torch.tensor([1.0, 2.0], requires_grad=True)",
        "e": "e = nn.Parameter(torch.ones(2))" if facts else None,
        "f": "f = (a * 2).detach().clone().requires_grad_(True)",
        "net.weight": "net = nn.Linear(2, 2)",
        "net.bias": "net = nn.Linear(2, 2)",
        "norm.weight": "norm = nn.LayerNorm(2)",
        "norm.bias": "norm = nn.LayerNorm(2)",
    }


def test_what_was_made_before_is_not_said_to_be_made_where_it_is_filled(tmp_path):
    """In place, by an initializer of the program's choice, or by an optimizer."""
    net = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, foreach=False)
    with recorded(tmp_path) as session:
        nn.init.ones_(net.weight)
        with torch.no_grad():
            net.bias.fill_(1.0)
        for _ in range(2):
            net(torch.ones(1, 2)).sum().backward()
            optimizer.step()

    assert places(session) == {"weight": None, "bias": None}


def test_switching_off_and_on_makes_no_other_leaf(tmp_path):
    """The first line counts."""
    with recorded(tmp_path) as session:
        w = torch.ones(2, requires_grad=True)
        w.requires_grad_(False)
        w.requires_grad_(True)
        w.sum().backward()

    assert places(session) == {"w": "w = torch.ones(2, requires_grad=True)"}


def test_nothing_is_kept_alive_and_what_has_died_is_forgotten(monkeypatch):
    """The table has a bound."""
    monkeypatch.setattr("gradtrace.recorder.births._MAX_KNOWN", 3)
    births = Births()
    kept = [leaf() for _ in range(2)]
    for _ in range(10):
        tensor = leaf()
        births.made(tensor, sys._getframe())
        del tensor
    gc.collect()
    for one in kept:
        births.made(one, sys._getframe())

    assert len(births._known) <= 3
    assert all(births.place(one) is not None for one in kept)
    assert births.place(leaf()) is None


def test_a_subclass_of_the_program_s_is_not_asked():
    """Neither whether it requires grad nor whether it is a leaf."""

    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *_):
            raise AssertionError("asked")

    with torch._C.DisableTorchFunctionSubclass():
        mine = torch.ones(2).as_subclass(Mine)
    births = Births()
    frame = sys._getframe()
    births.saw(TorchCall(torch.ones, CallKinds.NOTHING, (), {}, mine, frame, 1, 1))
    births.saw(TorchCall(torch.ones, CallKinds.SWITCH, (mine,), {}, None, frame, 1, 1))
    assert births._known == {}


class Slotted:
    """Keeps its tensor in a slot that a base class has."""

    __slots__ = ("empty", "scale")

    def __init__(self, scale):
        self.scale = scale

    @property
    def doubled(self):
        """What nobody may ask for on the way."""
        raise AssertionError


class Derived(Slotted):
    """Has a dictionary beside the slots."""


class Bag(dict):
    """A dictionary of the program's own."""

    def __getattr__(self, name):
        return self[name]

    def __contains__(self, key):
        raise AssertionError

    def items(self):
        """What nobody may call on the way."""
        raise AssertionError


def test_what_slots_and_classes_of_containers_hold_has_its_path():
    """Slots that are filled, of the class and its bases; elements of the program's own lists and dictionaries."""

    class Many(list):
        def __iter__(self):
            raise AssertionError

    slotted, derived, bag, many = Slotted(leaf()), Derived(leaf()), Bag(w=leaf()), Many([leaf()])
    derived.other = leaf()
    seen = scope()
    assert seen.path(slotted.scale) == "slotted.scale"
    assert [seen.path(one) for one in (derived.scale, derived.other)] == ["derived.scale", "derived.other"]
    assert seen.path(dict.__getitem__(bag, "w")) == "bag['w']"
    assert seen.path(many[0]) == "many[0]"


def test_a_leaf_that_is_named_later_keeps_the_value_that_it_had_first(tmp_path):
    """The first pass is told with it; a step came in between."""
    keep = {object: leaf()}  # under no key that a path could have
    with recorded(tmp_path) as session:
        (keep[object] * 2).sum().backward()
        (now,) = keep.values()
        with torch.no_grad():
            now.add_(5)
        (now * 2).sum().backward()
    (one,) = session.trace().leaves
    assert one.name == "now"
    assert one.value == [1.0, 1.0]


@pytest.mark.parametrize(
    ("fold", "n"), [("sum(w * k for k in (1, 2, 3))", 3), ("reduce(operator.add, [w, w * 2, w * 3])", 2)]
)
def test_what_is_added_up_on_the_way_is_not_the_sum(tmp_path, monkeypatch, fold, n):
    """Only the last result of `sum(...)` is what the line assigns."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "program.py"
    file.write_text(f"total = {fold}\ntotal.sum().backward()\n")
    names = {"w": leaf(), "reduce": functools.reduce, "operator": operator}
    with recorded(tmp_path) as session:
        exec(compile(file.read_text(), str(file), "exec"), names)
    nodes = session.trace().passes[0].graph.nodes
    assert [node.name for node in nodes if node.op == "add"] == ["total", *[None] * (n - 1)]


def test_what_a_backward_pass_makes_has_no_name_of_the_line_that_it_is_the_derivative_of(tmp_path):
    """The nodes of a second derivative come from the line of the forward operation, which assigned something else."""
    x = leaf(3)
    weight = leaf(3, 1)
    with recorded(tmp_path) as session:
        score = x @ weight
        (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
        penalty = slope.pow(2).sum() + score.sum()
        penalty.backward()
    named = [node.op for node in session.trace().passes[-1].graph.nodes if node.name == "score"]
    assert len(named) == 1


def test_what_torch_makes_without_gradients_is_no_leaf_that_was_frozen(tmp_path):
    """Of each batch that a worker sends, torch says that it does not require grad; a frozen part is told."""
    batch, frozen = torch.ones(2), nn.Linear(1, 1)
    storage = torch.storage.TypedStorage(wrap_storage=batch.untyped_storage(), dtype=batch.dtype, _internal=True)
    with recorded(tmp_path, facts=True) as session:
        for _ in range(3):
            torch.multiprocessing.reductions.rebuild_tensor(torch.Tensor, storage, (0, batch.size(), (1,), False))
        frozen.requires_grad_(False)
        w = leaf()
        w.sum().backward()
    trace = session.trace()
    switched = {leaf for event in trace.events if event.kind == "requires_grad" for leaf in event.leaves}
    assert {trace.leaves[number].shape for number in switched} == {(1, 1), (1,)}

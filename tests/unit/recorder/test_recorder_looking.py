"""The program's objects are looked at without running any code of theirs."""

import pytest
import torch
from torch import nn

from gradtrace.recorder import looking


def trap(*_arguments, **_keywords):
    raise AssertionError("code of the program was run")


class Lying:
    """Everything that Python asks an object by itself is a trap."""

    __class__ = property(trap)
    __dict__ = property(trap)
    __doc__ = property(trap)
    __getattr__ = __getattribute__ = __len__ = __iter__ = __bool__ = __hash__ = __eq__ = __repr__ = __str__ = trap


def lying_class():
    """A class whose own attributes are traps; for one test only, as others look at every object there is."""
    traps = dict.fromkeys(("__getattribute__", "__instancecheck__", "__subclasscheck__"), trap)
    properties = dict.fromkeys(("__dict__", "__mro__", "__name__"), property(trap))
    return type("LyingType", (type,), traps | properties)("LyingClass", (), {})


ASKED = ("__len__", "__iter__", "__bool__", "__hash__", "__eq__", "__repr__", "__torch_function__", "__getattr__")
ASKED_OF_MODULES = (
    "named_parameters",
    "parameters",
    "named_buffers",
    "buffers",
    "named_modules",
    "modules",
    "children",
)


def lying(kind, make):
    """One of torch's, of a class of the program's that says nothing true; it begins to lie once it is made."""
    name = f"Lying{kind.__name__}"
    is_made = []
    real = next(vars(one)["__dict__"].__get__ for one in kind.__mro__ if "__dict__" in vars(one))
    claims = {
        "__class__": property(lambda self: trap() if is_made else type(self)),
        "__dict__": property(lambda self: trap() if is_made else real(self)),
    }
    liar = type(name, (kind,), claims)
    made = make(liar)
    is_made.append(True)
    for attribute in ASKED + ASKED_OF_MODULES:
        setattr(liar, attribute, trap)
    return made


def lying_module():
    return lying(nn.BatchNorm1d, lambda kind: kind(2))


def objects():
    kind = lying_class()
    return [Lying(), kind(), kind, Lying, 1, None, [], {}]


@pytest.mark.parametrize("value", range(8))
@pytest.mark.parametrize("look", [looking.is_tensor, looking.is_module, looking.is_optimizer])
def test_what_is_none_of_torch_s_is_not_asked_what_it_is(look, value):
    """Neither an object nor its class nor the class of that."""
    assert look(objects()[value]) is False


def test_what_claims_to_be_a_tensor_is_none():
    """The interpreter knows the type, whatever `__class__` says."""

    class Claims:
        __class__ = torch.Tensor

    assert (isinstance(Claims(), torch.Tensor), looking.is_tensor(Claims())) == (True, False)


def test_kinds_of_torch_s_are_known_by_their_type():
    """Subclasses too, whatever they say."""
    tensor = lying(torch.Tensor, lambda kind: torch.ones(2).as_subclass(kind))
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)])

    kinds = [
        [look(one) for look in (looking.is_tensor, looking.is_module, looking.is_optimizer)]
        for one in (tensor, nn.Parameter(torch.ones(1)), lying_module(), nn.Linear(1, 1), optimizer)
    ]

    assert kinds == [
        [True, False, False],
        [True, False, False],
        [False, True, False],
        [False, True, False],
        [False, False, True],
    ]


def test_attributes_are_those_of_the_instance():
    """No property is run, and the copy is nobody else's."""

    class Holder:
        kind = "of the class"

        def __init__(self):
            self.name = "of the instance"

        @property
        def computed(self):
            return trap()

        __getattr__ = __getattribute__ = trap

    class Slots:
        __slots__ = ("name",)

    holder = Holder()
    found = looking.attributes(holder)
    found["name"] = "changed"

    assert looking.attributes(holder) == {"name": "of the instance"}
    assert [looking.attributes(one) for one in (Slots(), 1, "text", None, Lying())] == [{}] * 5


def test_attributes_of_a_dictionary_of_the_program_s_are_taken_as_they_lie():
    """A `__dict__` may be of a class of the program's, which would like to be asked."""

    class Mapping(dict):
        __iter__ = __getitem__ = __len__ = items = keys = copy = trap

    class Holder:
        pass

    holder = Holder()
    holder.__dict__ = Mapping(name=1)

    found = looking.attributes(holder)
    assert (type(found), list(found.items())) == (dict, [("name", 1)])


def test_the_name_of_a_class_is_not_asked_for():
    """Its metaclass may have something to say about it."""
    assert [looking.type_name(one) for one in (Lying(), lying_class()(), 1)] == ["Lying", "LyingClass", "int"]


def test_a_module_that_lies_shows_what_it_holds():
    """Its parameters, buffers and parts, whatever its methods say."""
    inner = lying_module()
    outer = nn.Sequential(nn.Linear(1, 1))
    outer._modules["inner"] = inner

    assert [path for path, _ in looking.modules(outer)] == ["", "0", "inner"]
    assert [path for path, _ in looking.parameters(outer)] == ["0.weight", "0.bias", "inner.weight", "inner.bias"]
    assert [path for path, _ in looking.buffers(outer)] == [
        "inner.running_mean",
        "inner.running_var",
        "inner.num_batches_tracked",
    ]


def nested():
    return nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), nn.ModuleDict({"a": nn.Linear(2, 1)}))


def shared():
    part = nn.Linear(2, 2)
    model = nn.Sequential(part, nn.ReLU(), part, nn.Linear(2, 2))
    model[3].weight = part.weight
    return model


def in_a_circle():
    model = nn.Sequential(nn.Linear(1, 1))
    model._modules["itself"] = model
    return model


def with_nones():
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1, affine=False))
    model.register_module("nothing", None)
    model.register_parameter("missing", None)
    model.register_buffer("empty", None)
    return model


MODELS = {
    "nested": nested,
    "shared": shared,
    "in a circle": in_a_circle,
    "with nothing in places": with_nones,
    "lazy": lambda: nn.Sequential(nn.LazyLinear(2), nn.LazyBatchNorm1d()),
    "a list of parameters": lambda: nn.ParameterList([torch.ones(1), torch.ones(2)]),
    "a transformer": lambda: nn.TransformerEncoderLayer(4, 2, 4),
    "parametrized": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)),
    "a recurrent one": lambda: nn.LSTM(2, 2, num_layers=2),
}


def named(module):
    return [
        [(path, id(one)) for path, one in found]
        for found in (module.named_modules(), module.named_parameters(), module.named_buffers())
    ]


def looked_at(module):
    return [
        [(path, id(one)) for path, one in look(module)]
        for look in (looking.modules, looking.parameters, looking.buffers)
    ]


@pytest.mark.parametrize("model", MODELS)
def test_modules_and_tensors_are_those_that_torch_names(model):
    """In the same order, each once."""
    module = MODELS[model]()
    assert looked_at(module) == named(module)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_scripted_module_shows_its_parts():
    """It keeps them elsewhere, and makes a new object each time for what it is asked."""
    module = torch.jit.script(nested()[0])
    names = [[path for path, _ in found] for found in (module.named_modules(), module.named_parameters())]

    assert [[path for path, _ in look(module)] for look in (looking.modules, looking.parameters)] == names
    assert [path for path, _ in looking.buffers(module)] == [path for path, _ in module.named_buffers()]


class BrokenError(Exception):
    __str__ = __repr__ = trap


class NestedError(BrokenError):
    pass


class SpokenError(ValueError):
    def __str__(self):
        return trap()


MESSAGES = {
    "of Python": (ValueError("one"), "one"),
    "of Python with two": (ValueError("one", 2), "('one', 2)"),
    "of Python with a list": (ValueError(["one", 2]), "['one', 2]"),
    "a key": (KeyError("one"), "'one'"),
    "of the system": (FileNotFoundError(2, "No such file", "x"), "[Errno 2] No such file: 'x'"),
    "of torch": (torch.OutOfMemoryError("no room"), "no room"),
    "without a __str__ of its own": (type("PlainError", (ValueError,), {})("one"), "one"),
    "with a broken __str__": (BrokenError("one", 2, "three"), "one three"),
    "that inherits one": (NestedError("one"), "one"),
    "of a class of Python's, with a broken __str__": (SpokenError("one"), "one"),
}


@pytest.mark.parametrize("which", MESSAGES)
def test_what_an_exception_says_is_told_without_its_own_str(which):
    """As Python says it, or the texts it was made of."""
    error, expected = MESSAGES[which]
    assert looking.message(error) == expected


def test_an_exception_s_arguments_are_not_run_either():
    """Neither a property in their place nor their own `__str__`."""

    class HiddenError(Exception):
        args = property(trap)

        __str__ = trap

    class Text(str):
        __slots__ = ()
        __str__ = __len__ = __iter__ = trap

    assert looking.message(HiddenError("one")) == "one"
    assert looking.message(BrokenError(Text("hidden"), "one")) == "one"
    assert looking.message(ValueError(Lying())) == ""
    assert looking.message(ValueError("one", [Lying()])) == "one"

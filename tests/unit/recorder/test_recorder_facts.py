"""What is watched for a diagnosis: `.grad`, cuts, numbers, writes and models; each seen in what the reader gets."""

import gc
import weakref

import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.model import Blind
from gradtrace.model.kinds import CutKind, EventKind, ModuleFactKind, ObservationKind


def leaf(value=1.0):
    return torch.full((2,), value, requires_grad=True)


def backward(tensor):
    (tensor * 2.0).sum().backward()


# What the program does to `.grad`.


def assign(w):
    w.grad = torch.ones(2)


def set_to_none(w):
    w.grad = None


def delete(w):
    del w.grad


def zero(w):
    w.grad.zero_()


def zero_all(w):
    torch._foreach_zero_([w.grad])


def scale(w):
    grad = w.grad
    grad *= 2


def scale_and_assign(w):
    w.grad *= 2


def write_into_a_part(w):
    w.grad[0] = 1.0


def write_into_a_view(w):
    w.grad.view(2, 1).add_(1.0)


def clip(w):
    nn.utils.clip_grad_norm_([w], 0.1)


CHANGES = {
    "assigned": (assign, EventKind.GRAD_MODIFIED, "Tensor.grad = ...", True),
    "set to None": (set_to_none, EventKind.GRAD_CLEARED, "Tensor.grad = None", True),
    "deleted": (delete, EventKind.GRAD_CLEARED, "Tensor.grad = None", True),
    "zeroed": (zero, EventKind.GRAD_CLEARED, "zero_", False),
    "zeroed in a list": (zero_all, EventKind.GRAD_CLEARED, "_foreach_zero_", False),
    "scaled": (scale, EventKind.GRAD_MODIFIED, "mul_", False),
    "scaled where it is": (scale_and_assign, EventKind.GRAD_MODIFIED, "mul_", False),
    "written to in part": (write_into_a_part, EventKind.GRAD_MODIFIED, "Tensor.grad[...] = ...", False),
    "written to through a view": (write_into_a_view, EventKind.GRAD_MODIFIED, "add_", False),
    "clipped": (clip, EventKind.GRAD_MODIFIED, "clip_grad_norm_", False),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_grad_is_an_event_with_its_place(change, tmp_path):
    """What was called, by what line, and of which leaf."""
    make, kind, call, is_assignment = CHANGES[change]
    with recorded(tmp_path) as session:
        w = leaf()
        backward(w)
        make(w)

    event = session.trace().events[-1]
    assert (event.kind, event.leaves) == (kind, (0,))
    assert (event.location.function, event.call) == (make.__name__, call)
    assert event.is_assignment is is_assignment


def test_a_change_of_what_is_no_grad_any_more_is_none(tmp_path):
    """Its tensor lives on, and belongs to nobody."""
    with recorded(tmp_path) as session:
        w = leaf()
        backward(w)
        kept = w.grad
        w.grad = None
        kept.mul_(2)

    assert [one.kind for one in session.trace().events] == [EventKind.BACKWARD, EventKind.GRAD_CLEARED]


def test_reads_of_grad_are_told_for_a_diagnosis_only(tmp_path):
    """Of a leaf that has none, and of a result that has none."""
    kinds = []
    for facts in (True, False):
        with recorded(tmp_path, facts=facts) as session:
            w = leaf()
            result = w * 2
            assert w.grad is None
            with pytest.warns(UserWarning, match="is not a leaf"):
                assert result.grad is None
            backward(w)
        kinds.append([(one.kind, one.is_leaf) for one in session.trace().events])

    assert kinds == [
        [(EventKind.GRAD_READ, True), (EventKind.GRAD_READ, False), (EventKind.BACKWARD, None)],
        [(EventKind.BACKWARD, None)],
    ]


def test_a_second_name_for_a_grad_is_told(tmp_path):
    """The variable that holds it already; not the one that it is assigned to."""
    with recorded(tmp_path, facts=True) as session:
        w = leaf()
        backward(w)
        first = w.grad
        backward(w)
        second = w.grad

    assert first is second
    found = [one for one in session.trace().events if one.kind == EventKind.GRAD_ALIAS]
    assert [(one.name, one.location.text.strip()) for one in found] == [("first", "second = w.grad")]


def test_switches_of_requires_grad_are_joined(tmp_path):
    """A loop over parameters is one event."""
    with recorded(tmp_path, facts=True) as session:
        net = nn.Linear(2, 1)
        for one in net.parameters():
            one.requires_grad_(False)
        net.weight.requires_grad = True

    found = [(one.requires_grad, len(one.leaves), one.call) for one in session.trace().events]
    assert found == [(False, 2, "requires_grad = False"), (True, 1, "requires_grad = True")]


def test_hooks_and_retained_outputs_are_known_by_their_node(tmp_path):
    """With the lines that registered them."""
    with recorded(tmp_path) as session:
        hidden = leaf() * 2
        hidden.retain_grad()
        hidden.register_hook(lambda gradient: gradient)
        hidden.sum().backward()

    outputs = {node.op: node.outputs[0] for node in session.trace().passes[0].graph.nodes}
    assert [one.text.strip() for one in outputs["mul"].hooks] == ["hidden.register_hook(lambda gradient: gradient)"]
    assert (outputs["mul"].retains_grad, outputs["sum"].retains_grad) == (True, False)


# Where values leave the graph.


def cut_and_used(make):
    def run():
        w = leaf()
        value = make(w)
        (w * value).sum().backward()

    return run


@torch.no_grad()
def without_grad(w):
    return w * 2


def in_inference_mode(w):
    with torch.inference_mode():
        return (w * 2).sum().item()


CUTS = {
    CutKind.DETACH: lambda w: w.detach(),
    CutKind.DATA: lambda w: w.data,
    CutKind.ITEM: lambda w: w.sum().item() * 1.5,
    CutKind.TOLIST: lambda w: torch.tensor(w.tolist()),
    CutKind.NUMBER: lambda w: float(w[0] * 3.0),
    CutKind.NO_GRAD: without_grad,
    CutKind.INFERENCE_MODE: in_inference_mode,
    CutKind.NOT_DIFFERENTIABLE: lambda w: w > 0,
}


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
@pytest.mark.parametrize("kind", CUTS)
def test_a_value_that_leaves_the_graph_is_a_cut(kind, tmp_path):
    """Of its kind, with its leaf and its place."""
    with recorded(tmp_path, facts=True) as session:
        cut_and_used(CUTS[kind])()

    cut = session.trace().cuts[0]
    assert (cut.kind, cut.leaves, cut.count) == (kind, (0,), 1)
    assert cut.location.function in {"<lambda>", "without_grad", "in_inference_mode"}


def test_where_a_cut_value_comes_back_is_told(tmp_path):
    """As a tensor or as a number, and in which pass."""
    with recorded(tmp_path, facts=True) as session:
        w = leaf()
        apart = (w * 3.0).detach()
        (w * (apart + 1.0)).sum().backward()
        number = (w * 5.0).sum().item()
        (w * number).sum().backward()

    cuts = session.trace().cuts
    assert [(one.kind, one.passes) for one in cuts] == [(CutKind.DETACH, (1,)), (CutKind.ITEM, (2,))]
    assert [one.reentry.text.strip() for one in cuts] == [
        "(w * (apart + 1.0)).sum().backward()",
        "(w * number).sum().backward()",
    ]
    assert [one.name for one in cuts] == ["apart", "number"]


def test_a_cut_is_one_for_each_place(tmp_path):
    """However often it happens; and one that never comes back is not in any pass."""
    with recorded(tmp_path, facts=True) as session:
        w = leaf()
        for _ in range(5):
            w.detach()
        backward(w)

    assert [(one.kind, one.count, one.passes, one.reentry) for one in session.trace().cuts] == [
        (CutKind.DETACH, 5, (), None)
    ]


def test_a_look_at_the_shape_is_no_cut(tmp_path):
    """Nor one at whether it is finite, nor a tensor like it."""
    with recorded(tmp_path, facts=True) as session:
        w = leaf()
        other = torch.zeros_like(w) + w.new_ones(2) * w.size(0) * len(w)
        assert torch.isfinite(w).all()
        (w * other).sum().backward()

    assert session.trace().cuts == ()


def test_a_new_parameter_of_a_result_is_a_cut(tmp_path):
    """It knows nothing of where its value came from."""
    with recorded(tmp_path, facts=True) as session:
        w = leaf()
        made = nn.Parameter(w * 2)
        plain = nn.Parameter(torch.ones(2))
        (made * plain).sum().backward()

    assert [(one.kind, one.leaves) for one in session.trace().cuts] == [(CutKind.PARAMETER, (0,))]


def test_nothing_that_was_cut_is_kept_alive(tmp_path):
    """Neither the value nor what was computed of it."""
    with recorded(tmp_path, facts=True):
        w = leaf()
        apart = w.detach()
        more = apart * 2
        references = [weakref.ref(one) for one in (w, apart, more)]
        del w, apart, more
        gc.collect()
        alive = [reference() for reference in references]

    assert alive == [None] * 3


# The first numbers that are not finite.


def test_the_first_number_that_is_not_finite_is_told(tmp_path):
    """What went into it was finite; what follows from it is not told again."""
    with recorded(tmp_path, facts=True) as session:
        w = leaf(0.0)
        for _ in range(3):
            logs = w.log()
        (logs * 0.0 + logs).sum()
        torch.zeros(2) / torch.zeros(2)
        backward(w)

    found = session.trace().non_finite
    assert [(one.call, one.name, one.count, one.is_tracked) for one in found] == [
        ("log", "logs", 3, True),
        ("mul", None, 1, True),
        ("div", None, 1, False),
    ]
    assert [one.inputs[0].value for one in found[:1]] == [[0.0, 0.0]]


def test_numbers_that_are_finite_or_were_put_in_are_not_told(tmp_path):
    """A mask of minus infinity is what the program wants."""
    with recorded(tmp_path, facts=True) as session:
        torch.full((2,), float("-inf"))
        torch.tensor([float("nan")])
        torch.ones(2, dtype=torch.int64) * 3
        torch.ones(2, device="meta") * 3
        leaf().exp().detach().clone()

    assert session.trace().non_finite == ()


def test_a_recording_that_is_stopped_says_how_often_it_was(tmp_path):
    """What came again after the last pass is in it, though the program goes on."""
    with recorded(tmp_path, facts=True) as session:
        w = leaf(0.0)
        for _ in range(7):
            w.log()
            w.detach()

    trace = session.trace()
    assert [one.count for one in trace.non_finite] == [7]
    assert [one.count for one in trace.cuts] == [7]
    assert {one.kind: one.count for one in trace.run.observations}[ObservationKind.OPS] == 15


# Writes to what was saved.


def test_writes_to_a_saved_tensor_are_named(tmp_path):
    """All since it was saved, with their lines, and none from before."""
    with recorded(tmp_path, facts=True) as session:
        w = leaf()
        hidden = w * 1.0
        hidden.add_(1.0)
        loss = hidden.exp_().pow(2).sum()
        hidden.mul_(2.0)
        hidden[0] = 3.0
        with pytest.raises(RuntimeError, match="inplace operation"):
            loss.backward()

    conflict = session.trace().passes[0].error.conflict
    assert conflict.found - conflict.expected == 2
    assert [one.call for one in conflict.writes] == ["mul_", "__setitem__"]
    assert [one.location.text.strip() for one in conflict.writes] == ["hidden.mul_(2.0)", "hidden[0] = 3.0"]
    assert conflict.shape == (2,)


def test_a_write_into_what_a_write_into_a_view_saved_is_named(tmp_path):
    """The node that stands for such a write shows nothing of what it saved: its place and the versions tell."""
    with recorded(tmp_path, facts=True) as session:
        other = torch.ones(2, 2)
        other.mul_(2.0).mul_(3.0)
        column = (leaf() * 2.0).unsqueeze(1).squeeze(1)
        column.sqrt_()
        column.relu_()
        with pytest.raises(RuntimeError):
            column.sum().backward()
    conflict = session.trace().passes[0].error.conflict
    assert [(one.call, one.location.text.strip()) for one in conflict.writes] == [("relu_", "column.relu_()")]


def test_several_tensors_to_which_one_line_wrote_are_not_told_apart(tmp_path):
    """None of them is named."""
    with recorded(tmp_path, facts=True) as session:
        columns = [(leaf() * 2.0).unsqueeze(1).squeeze(1) for _ in range(2)]
        for column in columns:
            column.sqrt_()
            column.relu_()
        with pytest.raises(RuntimeError):
            sum(columns).sum().backward()
    assert session.trace().passes[0].error.conflict.writes == ()


def test_another_error_of_a_pass_is_no_conflict(tmp_path):
    """Though there were writes."""
    with recorded(tmp_path, facts=True) as session:
        loss = (leaf() * 2.0).add_(1.0).exp().sum()
        loss.backward()
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()

    assert session.trace().passes[1].error.conflict is None


# Models.


class Holding(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.hidden = [nn.Linear(2, 2), nn.Linear(2, 1)]
        self.by_name = {"a": nn.Linear(2, 2)}
        self.again = [self.layer]
        self.scale = torch.ones(2, requires_grad=True)
        self.constant = torch.ones(2)
        self._private = [nn.Linear(2, 2)]

    def forward(self, x):
        return self.hidden[1](self.by_name["a"](self.layer(x)) * self.scale)


def test_what_a_model_holds_without_registering_it_is_told(tmp_path):
    """Modules in lists, and tensors that require grad; each once, however many passes there are."""
    with recorded(tmp_path, facts=True) as session:
        model = Holding()
        for _ in range(2):
            model(torch.ones(2)).sum().backward()

    facts = session.trace().module_facts
    assert [(one.kind, one.attribute, one.count, len(one.leaves)) for one in facts] == [
        (ModuleFactKind.UNREGISTERED_MODULES, "hidden", 2, 4),
        (ModuleFactKind.UNREGISTERED_MODULES, "by_name", 1, 2),
        (ModuleFactKind.PLAIN_TENSOR, "scale", 1, 1),
    ]
    assert {one.module_type for one in facts} == {"Holding"}


def test_a_model_is_looked_at_again_when_it_has_other_parameters(tmp_path):
    """What was added is known, though no graph reaches it."""
    with recorded(tmp_path, facts=True) as session:
        model = nn.Sequential(nn.Linear(2, 2))
        model(torch.ones(2)).sum().backward()
        before = len(session.trace().leaves)
        model.register_parameter("unused", nn.Parameter(torch.ones(2)))
        model(torch.ones(2)).sum().backward()

    names = [one.name for one in session.trace().leaves]
    assert (before, len(names)) == (2, 3)
    assert names[2].endswith("unused")


@pytest.mark.parametrize("facts", [False, True])
def test_tensors_that_have_no_answer_cost_nothing(tmp_path, facts):
    """A view made without gradients and then written to has no node to be told; one of inference mode no version."""
    with recorded(tmp_path, facts=facts) as session:
        weight = leaf()
        base = torch.zeros(2, 2)
        with torch.no_grad():
            view = base[0]
        base.mul_(weight)
        with torch.inference_mode():
            frozen = torch.ones(2)
        like = torch.full_like(view, 2.0, requires_grad=True)
        with pytest.raises(RuntimeError, match="view was created in no_grad mode"):
            _ = view.is_leaf
        (like * weight * frozen.clone()).sum().backward()
    assert Blind.OBSERVATION_FAILED not in {spot.reason for spot in session.trace().run.blind_spots}

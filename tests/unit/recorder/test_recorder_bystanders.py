"""Tensors that carry a name and take no part in a pass are known, with the reason, and `why` tells it."""

import os
import subprocess
import sys

import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.analysis.reasons import Reason, why
from gradtrace.model import BystanderKind, CutKind
from gradtrace.recorder import bystanders
from gradtrace.recording import load
from gradtrace.renderers.why.words import headline


def train(images, labels):
    """A step with inputs, targets, constants and what was cut off."""
    net = nn.Linear(3, 2)
    other = torch.ones(3, requires_grad=True)
    scale = torch.ones(2)
    scores = net(images)
    aside = other * 2
    with torch.no_grad():
        teacher = net(images) * 2
    target = scores.detach()
    shifted = target + 1
    with torch.inference_mode():
        fixed = torch.ones(2)
    loss = nn.functional.cross_entropy(scores * scale, labels) + (scores - shifted).pow(2).mean()
    loss = loss + (scores - teacher).pow(2).mean()
    loss.backward()
    return aside, fixed


def trace_of(directory, facts=True):
    inputs = torch.ones(4, 3)
    with recorded(directory, facts=facts) as session:
        train(inputs, torch.zeros(4, dtype=torch.int64))
    return session.trace()


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    return trace_of(tmp_path_factory.mktemp("bystanders"))


def known(trace, name):
    (found,) = [one for one in trace.bystanders if one.name == name]
    return found


@pytest.mark.parametrize(
    ("name", "kind", "shape", "dtype", "requires_grad", "is_leaf", "line"),
    [
        ("images", BystanderKind.REQUIRES_NO_GRAD, (4, 3), "float32", False, True, "inputs = torch.ones(4, 3)"),
        ("labels", BystanderKind.INTEGERS, (4,), "int64", False, True, None),
        ("scale", BystanderKind.REQUIRES_NO_GRAD, (2,), "float32", False, True, "scale = torch.ones(2)"),
        ("fixed", BystanderKind.INFERENCE, (2,), "float32", False, True, "fixed = torch.ones(2)"),
        ("teacher", BystanderKind.CUT_OFF, (4, 2), "float32", False, True, "teacher = net(images) * 2"),
        ("target", BystanderKind.CUT_OFF, (4, 2), "float32", False, True, "target = scores.detach()"),
        ("shifted", BystanderKind.CUT_OFF, (4, 2), "float32", False, True, "shifted = target + 1"),
        ("other", BystanderKind.ELSEWHERE, (3,), "float32", True, True, "other = torch.ones(3, requires_grad=True)"),
        ("aside", BystanderKind.ELSEWHERE, (3,), "float32", True, False, "aside = other * 2"),
    ],
)
def test_each_is_told_with_its_reason(trace, name, kind, shape, dtype, requires_grad, is_leaf, line):
    """And with the line that made it, where one statement does."""
    one = known(trace, name)
    assert (one.kind, one.shape, one.dtype, one.requires_grad, one.is_leaf, one.pass_index) == (
        *(kind, shape, dtype, requires_grad, is_leaf),
        1,
    )
    assert (one.location and one.location.text.strip()) == line


def test_what_takes_part_is_none(trace):
    """Neither the loss, though it was assigned twice, nor what it was computed from, nor parameters."""
    assert not {"loss", "scores", "net.weight"} & {one.name for one in trace.bystanders}


def test_what_was_cut_off_knows_its_cut(trace):
    """Also at the end of a chain of constants."""
    cuts = {cut.id: cut.kind for cut in trace.cuts}
    kinds = {name: cuts[known(trace, name).cut] for name in ("teacher", "target", "shifted")}
    assert kinds == {"teacher": CutKind.NO_GRAD, "target": CutKind.DETACH, "shifted": CutKind.DETACH}


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("images", Reason.BYSTANDER, "images (f32[4,3]) has no .grad because it was made without requires_grad at"),
        ("labels", Reason.BYSTANDER, "labels (i64[4]) has no .grad because it holds no floating point numbers"),
        ("fixed", Reason.BYSTANDER, "has no .grad because it was made in inference mode"),
        ("other", Reason.BYSTANDER, "has no .grad because nothing that pass 1 at test_recorder_bystanders.py:"),
        ("aside", Reason.BYSTANDER, "has no .grad because it is not a leaf, and nothing that pass 1 at"),
        ("shifted", Reason.CONSTANT, "shifted gets no gradient because detach"),
        ("scale.grad", Reason.BYSTANDER, "has no .grad because it was made without requires_grad at test_rec"),
    ],
)
def test_why_answers_for_it(trace, name, reason, words):
    """In place of saying that nothing bears the name."""
    (subject,) = why(trace, name).subjects
    assert subject.reason is reason
    assert words in headline(subject)


def test_without_facts_they_are_known_too(tmp_path):
    """But for the cuts."""
    trace = trace_of(tmp_path, facts=False)
    kinds = {name: known(trace, name).kind for name in ("images", "labels", "target", "other", "scale")}
    assert kinds == {
        "images": BystanderKind.REQUIRES_NO_GRAD,
        "labels": BystanderKind.INTEGERS,
        "target": BystanderKind.REQUIRES_NO_GRAD,
        "other": BystanderKind.ELSEWHERE,
        "scale": BystanderKind.REQUIRES_NO_GRAD,
    }


def test_each_name_is_told_once_and_not_in_passes_that_are_only_counted(tmp_path):
    """Whatever it stands for later."""
    with recorded(tmp_path, passes=((1, 2),)) as session:
        w = torch.ones(2, requires_grad=True)
        for step in range(5):
            x = torch.ones(2) * step
            if step > 2:
                late = torch.ones(3)
            (w * x).sum().backward()
        assert late.shape == (3,)

    assert [(one.name, one.pass_index) for one in session.trace().bystanders if one.name in ("x", "late", "w")] == [
        ("x", 1)
    ]


def test_their_number_is_bounded(tmp_path, monkeypatch):
    """In each pass, and over all."""
    monkeypatch.setattr(bystanders, "_MAX_PER_PASS", 2)
    monkeypatch.setattr(bystanders, "_MAX_NAMES", 3)
    with recorded(tmp_path) as session:
        w = torch.ones(2, requires_grad=True)
        a, b, c, d = torch.ones(4)
        for _ in range(3):
            (w * a * b * c * d).sum().backward()

    assert [one.pass_index for one in session.trace().bystanders] == [1, 1, 2]


def test_of_several_assignments_none_is_named(tmp_path):
    """Which of them was the one is not known, and no line is better than a wrong one."""
    with recorded(tmp_path) as session:
        w = torch.ones(2, requires_grad=True)
        x = torch.ones(2)
        x = x + 1
        batch = {"image": torch.ones(2)}
        (w * x * batch["image"]).sum().backward()

    trace = session.trace()
    assert known(trace, "x").location is None
    assert known(trace, "batch['image']").location is None


def test_a_subclass_of_the_program_s_is_not_asked(tmp_path):
    """It is left out."""
    asked = []

    class Mine(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            asked.append(func)
            return super().__torch_function__(func, types, args, kwargs or {})

    mine = torch.ones(2).as_subclass(Mine)
    w = torch.ones(2, requires_grad=True)
    with recorded(tmp_path) as session:
        asked.clear()
        (w * 2).sum().backward()
        during = list(asked)

    assert during == []
    assert "mine" not in {one.name for one in session.trace().bystanders}
    assert type(mine) is Mine


FORKED = """\
import os, torch
w = torch.ones(2, requires_grad=True)
y = (w * 2).detach()
(w * y).sum().backward()
if not os.fork():
    z = (w * 3).detach()
    (w * y * z).sum().backward()
    os._exit(0)
os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_process_tells_its_own(tmp_path):
    """With cuts of its own stream, or none."""
    (tmp_path / "forked.py").write_text(FORKED)
    words = ["record", "-q", "--facts", "-o", "one.gtrace", "forked.py"]
    subprocess.run([sys.executable, "-m", "gradtrace", *words], check=True, cwd=tmp_path, timeout=120)
    trace = load(tmp_path / "one.gtrace")

    assert trace.run.n_processes == 2
    found = {(one.process, one.name): one.kind for one in trace.bystanders}
    assert found[0, "y"] == found[1, "z"] == BystanderKind.CUT_OFF
    assert all(one.cut is None or trace.cuts[one.cut].process == one.process for one in trace.bystanders)

"""The verdicts of the ledger in words."""

import builders
import pytest

from gradtrace.analysis.ledger import Actor, LeafGroup, Pattern, Verdict, ledger
from gradtrace.model import Leaf, Location, OptimizerInfo
from gradtrace.text import verdicts

ZERO = (Actor("SGD.zero_grad", Location("train.py", 14), set_to_none=True),)
STEP = (Actor("SGD.step", Location("train.py", 17)),)
CLIP = (Actor("clip_grad_norm_", Location("train.py", 16)),)


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (Verdict(Pattern.ABSENT), "not in the graph of any recorded pass"),
        (Verdict(Pattern.NOTHING), "took part in the graph, and no gradient arrived"),
        (Verdict(Pattern.NOT_STORED, n_not_stored=1), "no .grad: autograd.grad returned it"),
        (Verdict(Pattern.NOT_STORED, n_not_stored=3), "no .grad: autograd.grad returned it, 3 times"),
        (Verdict(Pattern.SINGLE, (2,), 1, 1), "pass 2 alone added to .grad"),
        (
            Verdict(Pattern.SINGLE, (1,), 1, 1, (1,), clearers=ZERO, n_steps=1, steps_each=1, steppers=STEP),
            ("pass 1 alone added to .grad; zeroed before it by SGD.zero_grad at train.py:14, "
            "read by step() at train.py:17"),
        ),
        (
            Verdict(Pattern.SINGLE, (1,), 1, 1, cleared_after_last=True, clearers=ZERO),
            "pass 1 alone added to .grad, then zeroed by SGD.zero_grad at train.py:14",
        ),
        (
            Verdict(Pattern.ZEROED, (1, 2, 3), 3, 1, (1, 2, 3), clearers=ZERO),
            "zeroed before each of 3 passes by SGD.zero_grad at train.py:14",
        ),
        (
            Verdict(
                Pattern.ZEROED, (1, 2), 2, 1, (1, 2), clearers=ZERO, n_steps=2, steps_each=1, steppers=STEP,
                n_modified=2, modifiers=CLIP,
            ),
            ("zeroed before each of 2 passes by SGD.zero_grad at train.py:14, read by step() at train.py:17 after each "
            "pass, changed by clip_grad_norm_ at train.py:16"),
        ),
        (
            Verdict(Pattern.ZEROED, (1, 2), 2, 1, (2,), cleared_after_last=True, clearers=ZERO),
            "zeroed after each of 2 passes by SGD.zero_grad at train.py:14",
        ),
        (Verdict(Pattern.ZEROED, (1, 2), 2, 1, (2,)), "zeroed between its 2 passes"),
        (
            Verdict(Pattern.ACCUMULATES, (1, 2, 3, 4), 4, 4, n_steps=1, step_after=4, steppers=STEP),
            "accumulates over passes 1-4, step() after the 4th",
        ),
        (
            Verdict(
                Pattern.ACCUMULATES, (1, 2, 3, 4), 4, 2, (3,), cleared_after_last=True, clearers=ZERO, n_steps=2,
                step_after=2, steppers=STEP,
            ),
            ("accumulates over 2 passes at a time (passes 1-4), step() after the 2nd, "
            "then zeroed by SGD.zero_grad at train.py:14"),
        ),
        (Verdict(Pattern.NEVER_ZEROED, (1, 2), 2, 2), "accumulates over passes 1-2 and is never zeroed"),
        (
            Verdict(Pattern.NEVER_ZEROED, (1, 2), 100, 100, n_steps=100, steps_each=1, steppers=STEP),
            "accumulates over 100 passes and is never zeroed, read by step() at train.py:17 after each pass",
        ),
        (
            Verdict(Pattern.NEVER_ZEROED, (1, 2, 3), 3, 3, n_steps=2, steppers=STEP),
            "accumulates over passes 1-3 and is never zeroed, read by step() at train.py:17 twice",
        ),
        (
            Verdict(Pattern.IRREGULAR, (1, 2, 3), 3, 0, (3,), clearers=ZERO),
            "zeroed once, before pass 3, by SGD.zero_grad at train.py:14",
        ),
        (Verdict(Pattern.IRREGULAR, (1, 2, 3), 3, 0, (3,)), "zeroed once, before pass 3"),
        (
            Verdict(Pattern.IRREGULAR, tuple(range(1, 9)), 8, 0, (1, 3, 7), clearers=ZERO),
            "zeroed before passes 3, 7 of 8 passes by SGD.zero_grad at train.py:14",
        ),
    ],
)  # fmt: skip
def test_verdict(verdict: Verdict, text: str) -> None:
    """Every pattern has its sentence, with who did it and where."""
    assert verdicts.verdict(verdict) == text


def test_unseen_actor() -> None:
    """What cleared `.grad` may be known by its place alone, or not at all."""
    assert verdicts.actors((Actor("", Location("train.py", 3)),)) == " at train.py:3"
    assert verdicts.actors((Actor("", None),)) == ""
    assert verdicts.actors((*ZERO, *STEP)) == " by SGD.zero_grad at train.py:14 and SGD.step at train.py:17"


def test_subject() -> None:
    """Few leaves are named, many are counted, and their optimizer and process stand beside them."""
    leaves = tuple(Leaf(i, name, "parameter", (), "float32") for i, name in enumerate(("a", "b", "c", "d")))
    adam = OptimizerInfo(2, "Adam", location=Location("train.py", 9))

    def group(n: int, optimizers: tuple[int, ...] = (), process: int = 0) -> LeafGroup:
        return LeafGroup(leaves[:n], Verdict(Pattern.ABSENT), optimizers, process)

    assert verdicts.subject(group(2), ()) == "a and b"
    assert verdicts.subject(group(4, (2,)), (adam,)) == "4 parameters of Adam (train.py:9)"
    assert verdicts.subject(group(1, (), 1), ()) == "a in process 1"


def test_training_loop() -> None:
    """A usual loop is one sentence for the whole model."""
    trace = builders.module_net_trace()
    (group,) = ledger(trace).groups
    assert verdicts.subject(group, trace.optimizers) == "16 parameters of SGD (train.py:20)"
    assert verdicts.verdict(group.verdict) == (
        "zeroed before each of 3 passes by SGD.zero_grad at train.py:29, read by step() at train.py:32 after each pass"
    )

"""The options of a run arrive at the recorder as the launcher was given them."""

import json
from dataclasses import fields, replace

import pytest

from gradtrace.launch.settings import Settings
from gradtrace.model.kinds import Level
from gradtrace.model.needs import Statistic, Tensors, need
from gradtrace.model.run_options import RunOptions
from gradtrace.recorder.config import Config

GIVEN = {
    "passes": ((1, 3), (10, None)),
    "small_passes": 50,
    "shown_pass": 7,
    "device": "cuda:1",
    "seed": 3,
    "dtype": "float64",
    "stop_after": 9,
    "roots": ("a", "b"),
    "level": Level.FULL,
    "announce": True,
    "facts": True,
    "needs": (need(Tensors.SAVED, Statistic.NORM, ops=("MmBackward",), names=("self",)),),
    "folders": ("sources",),
    "step_norms": 2,
}


def test_every_option_is_tried_here():
    """A new field needs a value in this test."""
    assert {item.name for item in fields(RunOptions)} == GIVEN.keys()


@pytest.mark.parametrize("passes", [GIVEN["passes"], "last", None])
def test_all_options_survive_the_way_through_json(tmp_path, passes):
    """Fields of the recorder's own stand beside them, and a key of another version is ignored."""
    given = replace(Settings(python="python3", timeout=2.0, **GIVEN), passes=passes)
    plain = {**given.plain(), "argv": ["--lr", "1"], "target": "train.py", "of_another_version": 1}
    (tmp_path / "config.json").write_text(json.dumps(plain), "utf-8")

    read = Config.of(tmp_path)

    assert {name: getattr(read, name) for name in GIVEN} == {**GIVEN, "passes": passes}
    assert (read.session, read.argv, read.target) == (tmp_path, ("--lr", "1"), "train.py")
    assert not hasattr(read, "python")

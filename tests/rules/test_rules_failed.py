"""Gradients switched off, graphs reused and programs that fail: in the dress of strangers, and near misses."""

from __future__ import annotations

from pathlib import Path

import forked_runs
import pytest

from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Finding, Severity, Trace

PROGRAMS = Path(__file__).parents[1] / "programs" / "failed"
MARK = "# shown"

FOUND = {
    "checkpoint_sequential_frozen_stem": ("checkpoint-input-no-grad", {"body.0.0.weight", "body.1.0.bias"}),
    "checkpoint_stages_on_images": ("checkpoint-input-no-grad", {"first.conv.weight", "second.norm.bias"}),
    "inference_mode_decorator": ("no-grad-forward", {"self.enc.weight", "self.mid.bias"}),
    "mode_switched_back": ("no-grad-forward", {"body.0.weight", "body.0.bias"}),
    "grad_mode_off_after_evaluate": ("grad-mode-left-off", set()),
    "grad_mode_off_from_the_start": ("grad-mode-left-off", set()),
    "forces_under_no_grad": ("no-grad-forward", set()),
    "gradient_inside_a_function": ("no-grad-forward", set()),
    "ascent_by_a_method": ("retain-graph-stale-weights", set()),
    "hand_written_update_between": ("step-before-backward", set()),
    "tied_bag_with_max_norm": ("embedding-max-norm", set()),
    "gated_channels": ("inplace-saved-input", set()),
    "prompts_encoded_in_init": ("graph-built-once", set()),
    "cached_weights_over_steps": ("graph-built-once", set()),
    "snapshot_with_last_state": ("deepcopy-nonleaf", set()),
    "nothing_requires_grad": ("no-requires-grad", set()),
    "plain_weights_in_a_class": ("no-requires-grad", set()),
    "whole_numbers": ("no-requires-grad", set()),
    "array_of_a_result": ("tracked-to-numpy", set()),
    "loss_of_every_sample": ("many-elements-to-number", set()),
    "workers_compute_embeddings": ("nonleaf-to-process", set()),
    "gradients_of_inputs_shown": ("input-missing-requires-grad", set()),
    "new_name_under_no_grad": ("param-reassigned", {"weight"}),
    "new_name_detached": ("param-reassigned", {"slope"}),
    "left_for_numpy": ("detach-midgraph", {"encoder.weight", "encoder.bias"}),
    "sparse_bags_clipped": ("sparse-meets-dense", {"bag.weight"}),
    "dense_embedding_sparse_adam": ("sparse-meets-dense", {"emb.weight"}),
}
"""By program: the rule that finds it, and leaves that it must concern; the lines that it must show are marked."""

QUIET = (
    "checkpoint_with_trained_embedding",
    "target_network_under_no_grad",
    "update_after_backward",
    "cached_weights_in_step",
    "sparse_and_dense_apart",
    "gradients_shown",
)


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    """What was recorded of each program."""
    names = sorted({*FOUND, *QUIET})
    return dict(zip(names, forked_runs.record([PROGRAMS / f"{name}.py" for name in names]), strict=True))


def marked(name: str) -> set[int]:
    """The lines of a program that a finding must show."""
    text = (PROGRAMS / f"{name}.py").read_text("utf-8")
    return {number for number, line in enumerate(text.splitlines(), 1) if MARK in line}


def lines(one: Finding) -> set[int]:
    """The lines that a finding shows."""
    places = [one.location, *(each.location for each in one.related)]
    return {place.line for place in places if place is not None}


@pytest.mark.parametrize("name", FOUND)
def test_the_cause_is_named_in_any_dress(name: str, traces: dict[str, Trace]) -> None:
    """One finding that is no suspicion, at the lines that a person has to change, with what it concerns and help."""
    rule, concerned = FOUND[name]
    trace = diagnose(traces[name])
    told = [one for one in trace.findings if one.severity != Severity.INFO]
    assert [one.rule for one in told] == [rule]
    assert marked(name) <= lines(told[0])
    assert concerned <= {trace.leaves[leaf].name for leaf in told[0].leaves}
    assert told[0].help


@pytest.mark.parametrize("name", QUIET)
def test_a_sound_program_of_the_same_kind_is_quiet(name: str, traces: dict[str, Trace]) -> None:
    """Neither an error nor a warning."""
    found = diagnose(traces[name]).findings
    assert [f"{one.rule}: {one.message}" for one in found if one.severity != Severity.INFO] == []

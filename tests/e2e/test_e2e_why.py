"""`gradtrace why` on programs that lose a gradient names the line at fault; on sound ones it invents nothing."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from shared_recordings import recordings

import gradtrace

CORPUS = Path(__file__).parents[1] / "cases"

CASES = (
    ("bugs/01_nonleaf_grad_read", "net.maps", (24,)),
    ("bugs/02_leaf_lost_by_cast", "delta", (15,)),
    ("bugs/03_optimizer_nonleaf", "canvas", (12, 13)),
    ("bugs/05_detach_midgraph", "encoder", (18,)),
    ("bugs/05_detach_midgraph", "code", (18,)),
    ("bugs/09_python_roundtrip", "txt_net", (25,)),
    ("bugs/100_op_without_derivative", "0.weight", (14,)),
    ("bugs/105_ddp_unused_parameter", "aux.weight", (22,)),
    ("bugs/11_requires_grad_forced", "clf.weight", (23, 15)),
    ("bugs/14_inference_tensor", "backbone", (16,)),
    ("bugs/16_round_zero_grad", "weight", (13,)),
    ("bugs/17_hard_threshold_cut", "gate.weight", (18,)),
    ("bugs/18_int_requires_grad", "positions", (7,)),
    ("bugs/19_modules_in_list", "hidden", (12, 18)),
    ("bugs/20_stale_optimizer", "2.weight", (17, 15)),
    ("bugs/22_frozen_too_much", "head.weight", (16,)),
    ("bugs/25_parameter_rewrap", "generator.weight", (19,)),
    ("bugs/27_autograd_grad_not_stored", "0.weight", (23,)),
    ("bugs/28_grad_of_recreated_input", "t", (16, 15, 17)),
    ("bugs/29_sample_not_rsample", "mu.weight", (20,)),
    ("bugs/30_input_missing_requires_grad", "image", (14,)),
    ("bugs/41_backward_not_called", "0.weight", (16, 17)),
    ("bugs/43_grad_shared_between_models", "shared_net.weight", (18,)),
    ("bugs/53_graph_built_once", "scale", (10,)),
    ("bugs/93_clamp_blocks_grad", "body.weight", (18,)),
    ("bugs/97_custom_fn_returns_none", "gamma", (18,)),
    ("bugs/99_custom_fn_bypasses_parameter", "1.centers", (28, 16)),
)
"""Program, NAME, and the lines of which the answer must name one: first the line at fault, then those that show it."""

SOUND = (
    ("correct/ok_15_gradient_penalty", "0.weight", "gradient"),
    ("correct/ok_15_gradient_penalty", "2.bias", "cancelled"),
    ("correct/ok_21_lbfgs_closure", "point", "gradient"),
    ("correct/ok_04_dqn_target_network", "q_net", "gradient"),
    ("correct/ok_09_shared_weights", "*", "gradient"),
    ("correct/ok_10_checkpointing", "*", "gradient"),
    ("correct/ok_17_custom_function", "*", "gradient"),
    ("fixed/05_detach_midgraph", "encoder", "gradient"),
    ("fixed/17_hard_threshold_cut", "gate", "gradient"),
    ("fixed/22_frozen_too_much", "head", "gradient"),
)


def _gradtrace(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "gradtrace", "why", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **options,
    )


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What is answered about a NAME of a program of the corpus."""
    programs = [*dict.fromkeys(case[0] for case in CASES + SOUND)]
    files = recordings([CORPUS / f"{program}.py" for program in programs], tmp_path_factory)
    made = dict(zip(programs, files, strict=True))

    @cache
    def of(program, name):
        trace = gradtrace.load(made[program])
        return json.loads(gradtrace.why(trace, name, format="json", sources=[CORPUS]))["answers"]

    return of


def _names_a_line(answers, lines):
    said = " ".join(f"{one['message']} {one['help']}" for one in answers)
    named = {(one["location"] or {}).get("line") for one in answers} | {int(n) for n in re.findall(r"\.py:(\d+)", said)}
    return bool(named & set(lines))


@pytest.mark.parametrize(("program", "name", "lines"), CASES)
def test_the_answer_names_the_line_at_fault(program, name, lines, answers):
    """In its first sentence, in its place, or in what to do."""
    assert _names_a_line(answers(program, name), lines), answers(program, name)


def test_most_answers_name_the_very_line(answers, record_property):
    """Not only one that shows the fault as well."""
    exact = sum(_names_a_line(answers(program, name), lines[:1]) for program, name, lines in CASES)
    record_property("summary", f"{exact} of {len(CASES)} answers name the line at fault, the others one that shows it")
    assert exact >= 20


@pytest.mark.parametrize(("program", "name", "reason"), SOUND)
def test_a_sound_program_gets_no_invented_reason(program, name, reason, answers):
    """Every parameter that has a gradient is said to have it, and zeros that cancel are not called lost."""
    said = answers(program, name)
    assert {one["reason"] for one in said} == {reason}, [one["message"] for one in said]


def test_an_expression_is_told_way_by_way():
    """`w` stands twice in the product, and each place brings its part."""
    done = _gradtrace("w*w*y", "w=0.5", "y=2.0", "w", "--ascii")

    assert done.stdout.startswith("  w has a gradient: pass 1 added 2 to its .grad.\n")
    assert "It comes by 2 ways, which add up to 2:" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


def test_the_exit_status_is_the_programs(tmp_path):
    """An answer does not hide that the program failed."""
    script = tmp_path / "fails.py"
    script.write_text("import torch\nw = torch.ones(2, requires_grad=True)\nw.sum().backward()\nraise SystemExit(3)\n")
    done = _gradtrace("-q", str(script), "w")

    assert done.returncode == 3
    assert "w has a gradient: pass 1 at fails.py:3 added [1, 1]" in done.stdout


def test_an_unknown_name_says_which_come_close(tmp_path):
    """And nothing is left behind in the person's folder."""
    script = tmp_path / "small.py"
    script.write_text("import torch\nweight = torch.ones(2, requires_grad=True)\nweight.sum().backward()\n")
    caches = tmp_path.with_name(f"{tmp_path.name}-caches")
    environment = {**os.environ, "XDG_CACHE_HOME": str(caches)}
    done = _gradtrace("-q", "small.py", "wieght", cwd=tmp_path, env=environment)

    assert done.returncode == 2
    assert "nothing in the run is called 'wieght'; did you mean weight?" in done.stderr
    (kept,) = caches.glob("gradtrace/recordings/small-*.gtrace")
    assert f"the recording is kept: gradtrace why {kept} NAME shows it" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["small.py"]


def test_a_tensor_that_takes_no_part_is_known(tmp_path):
    """An input has no gradient, and a good reason for that."""
    script = tmp_path / "inputs.py"
    script.write_text(
        "import torch\nx = torch.ones(2)\nw = torch.ones(2, requires_grad=True)\n(w * x).sum().backward()\n"
    )
    done = _gradtrace("-q", "inputs.py", "x", cwd=tmp_path)

    assert done.returncode == 0
    said = " ".join(done.stdout.split())
    assert said.startswith("x (f32[2]) has no .grad because it was made without requires_grad at inputs.py:2.")
    assert "x.requires_grad_() before the forward pass" in said


def test_a_missing_name_is_asked_for():
    """One word alone was meant as the target."""
    done = _gradtrace("train.py")

    assert done.returncode == 2
    assert "of which tensor? say: gradtrace why train.py NAME" in done.stderr

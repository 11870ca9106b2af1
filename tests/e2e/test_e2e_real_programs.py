"""Programs as people write them, run unmodified: true gradients, the program's names, a line for every node."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from gradient_identities import assert_identities

from gradtrace.recording import load

PROGRAMS = Path(__file__).parent.parent / "programs"

COMMAND = """
import sys, gradtrace.launch.session as session
from gradtrace.cli.main import main
session.VALUE_LIMIT = 600  # so that sums can be checked element by element
sys.exit(main())
"""

GRADTRACE = [sys.executable, "-c", COMMAND]

N_NODES = {
    "transformers_models": 1000,
    "rnn_thousand_steps": 5000,
    "conv_nets": 50,
    "gan": 40,
    "maml": 100,
    "gradient_penalty": 20,
    "denoiser": 50,
    "checkpoints": 10,
    "custom_functions": 10,
    "rewriting_hooks": 16,
    "optimizers": 40,
    "mixed_precision": 30,
    "sparse_and_complex": 20,
    "functional": 5,
    "data_workers": 20,
    "hogwild": 60,
    "distributed": 20,
    "compiled": 10,
    "in_place_and_views": 30,
    "graphs_kept": 40,
    "edge_cases": 20,
    "long_chain": 100_000,
}
"""By program: how many nodes its full passes have at least."""


def record(program, target, *options):
    """Runs a program below the command, and returns what it printed."""
    words = ["record", "-q", "-o", str(target), *options, str(PROGRAMS / f"{program}.py")]
    return subprocess.run([*GRADTRACE, *words], capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("program", N_NODES)
def test_every_gradient_has_its_source_its_name_and_its_sum(program, tmp_path):
    """Identities hold, leaves are called as in `named_parameters()`, every node but a leaf's says where it is from."""
    target = tmp_path / "run.gtrace"

    done = record(program, target, "--passes", "all")

    assert done.returncode == 0, done.stderr
    assert "gradtrace:" not in done.stderr
    trace = load(target)
    assert (trace.run.complete, trace.run.notes, trace.run.blind_spots) == (True, (), ())
    assert assert_identities(trace) >= N_NODES[program]
    nodes = [node for one in trace.passes if one.graph is not None for node in one.graph.nodes]
    assert [node.type for node in nodes if node.leaf is None and node.location is None] == []
    expected = {line.removeprefix("named ") for line in done.stdout.splitlines() if line.startswith("named ")}
    assert expected <= {leaf.name for leaf in trace.leaves}
    assert [leaf for leaf in trace.leaves if leaf.name.startswith("leaf ") and leaf.kind == "parameter"] == []


def test_a_program_killed_in_its_fifth_step_leaves_the_steps_before(tmp_path):
    """What was written is whole, and the pass that was cut short does not pass for a finished one."""
    target = tmp_path / "run.gtrace"

    done = record("killed_in_step_five", target, "--passes", "all")

    trace = load(target)
    assert done.returncode == -9
    assert trace.run.complete is False
    assert len([one for one in trace.passes if any(item.after for item in one.accumulations)]) in (4, 5)
    assert assert_identities(trace) > 0
    words = [*GRADTRACE, "render", str(target), "-f", "json"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True)
    assert len(json.loads(shown.stdout)["passes"]) in (4, 5)

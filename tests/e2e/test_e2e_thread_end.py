"""Threads that end before, with and after the program: none of them takes the process down."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import threading
import torch

leaf = torch.ones(3, requires_grad=True)
made = []
workers = [threading.Thread(target=lambda: made.append(leaf.exp())) for _ in range(4)]
daemon = threading.Thread(target=lambda: (leaf.sin(), threading.Event().wait()), daemon=True)
daemon.start()
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
sum(one.sum() for one in made).backward()
print(leaf.grad.tolist())
"""


@pytest.mark.parametrize("attempt", range(4))
def test_a_program_with_threads_ends_as_it_does_alone(attempt: int, tmp_path: Path):
    """A mode that outlives its thread would abort the process at its end, now and then: hence several attempts."""
    script = tmp_path / "threads.py"
    script.write_text(PROGRAM)
    command = [
        sys.executable,
        "-m",
        "gradtrace",
        "record",
        "-q",
        "-o",
        str(tmp_path / f"{attempt}.gtrace"),
        str(script),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("[10.87")


def test_a_node_made_in_another_thread_keeps_its_own_line(tmp_path: Path):
    """Each thread counts its nodes for itself; two nodes with one number are told apart by their ops."""
    script = tmp_path / "two_threads.py"
    script.write_text(
        "import threading\n"
        "import torch\n"
        "leaf = torch.ones(3, requires_grad=True)\n"
        "made = []\n"
        "worker = threading.Thread(target=lambda: made.append(leaf.exp()))\n"
        "worker.start()\n"
        "worker.join()\n"
        "wave = leaf.sin()\n"
        "(made[0].sum() + wave.sum()).backward()\n"
    )
    command = [sys.executable, "-m", "gradtrace", "render", "-q", "-f", "json", str(script)]
    document = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    lines = {
        node["op"]: node["location"]["line"]
        for node in json.loads(document)["passes"][0]["graph"]["nodes"]
        if node["location"] is not None
    }
    assert (lines["exp"], lines["sin"]) == (5, 8)

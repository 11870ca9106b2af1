"""Networks that follow others without gradients: a target in the optimizer is no layer that is left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from shared_recordings import shared_folder, traces

from gradtrace.diagnosis.diagnose import diagnose

HEAD = """
import torch
from torch import nn

torch.manual_seed(0)


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.online = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        self.target = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


agent = Agent()
"""
TRAINING = """
opt = torch.optim.Adam(agent.parameters(), lr=1e-2)
for step in range(6):
    s, r = torch.randn(8, 4), torch.randn(8, 2)
    with torch.no_grad():
        y = r + 0.9 * agent.target(s)
    loss = (agent.online(s) - y).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
"""
COPY = "agent.target.load_state_dict(agent.online.state_dict())\n"
PROGRAMS = {
    "never copied": HEAD + TRAINING,
    "copied at first": HEAD + COPY + TRAINING,
    "copied at times": HEAD + TRAINING + "    if step % 3 == 2:\n        " + COPY,
    "follows slowly": HEAD
    + TRAINING
    + """    for p, t in zip(agent.online.parameters(), agent.target.parameters()):
        t.data = 0.9 * t.data + 0.1 * p.data
""",
    "detached": HEAD
    + COPY
    + TRAINING.replace("with torch.no_grad():", "if True:").replace("(s)\n", "(s).detach()\n", 1),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """By program: the rules that find something."""
    folder = shared_folder(tmp_path_factory) / "targets"
    folder.mkdir(exist_ok=True)
    files = {name: folder / f"{name.replace(' ', '_')}.py" for name in PROGRAMS}
    for name, file in files.items():
        draft = Path(f"{file}.{os.getpid()}")
        draft.write_text(PROGRAMS[name], "utf-8")
        draft.replace(file)
    found = map(diagnose, traces(list(files.values()), tmp_path_factory))
    return {name: {one.rule for one in trace.findings} for name, trace in zip(files, found, strict=True)}


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "never copied"])
def test_a_target_is_no_forgotten_layer(name: str, said: dict[str, set[str]]) -> None:
    """It began as a copy of what is trained, or the program moves it: an optimizer that holds it means nothing."""
    assert said[name] == set()


def test_a_layer_that_is_nobody_s_copy_is_found(said: dict[str, set[str]]) -> None:
    """The same program, in which nothing tells that the second network is a target."""
    assert said["never copied"] == {"no-grad-forward"}

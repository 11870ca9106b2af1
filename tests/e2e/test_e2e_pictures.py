"""What `render` shows of a program that it runs itself, and in the browser."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DETACHED = """
import torch
from torch import nn

torch.manual_seed(0)
encoder, head = nn.Linear(3, 4), nn.Linear(4, 1)
optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
for _ in range(3):
    code = torch.relu(encoder(torch.randn(5, 3)))
    loss = head(code.detach()).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "temporary").mkdir()
    (tmp_path / "browser").write_text('#!/bin/sh\necho "$1" >> opened\n')
    (tmp_path / "browser").chmod(0o755)


def _render(*words):
    here = Path.cwd()
    environment = {**os.environ, "BROWSER": f"{here}/browser %s", "TMPDIR": str(here / "temporary")}
    command = [sys.executable, "-m", "gradtrace", "render", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)


def test_a_picture_of_a_program_marks_cuts_and_findings():
    """Nobody has to ask for a recording with facts first."""
    Path("train.py").write_text(DETACHED)

    done = _render("train.py", "-f", "json")

    document = json.loads(done.stdout)
    assert [(cut["kind"], cut["location"]["line"]) for cut in document["cuts"]] == [("detach", 10)]
    assert "detach-midgraph" in {finding["rule"] for finding in document["findings"]}
    picture = _render("train.py", "-f", "svg", "--engine", "builtin").stdout
    assert "no gradient this way to encoder.weight and encoder.bias" in picture


def test_a_cut_stands_at_the_op_that_took_the_value_in():
    """Not at the last op of the module to which the value was given."""
    program = DETACHED.replace(
        "head = nn.Linear(3, 4), nn.Linear(4, 1)",
        "head = nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))",
    )
    Path("train.py").write_text(program)

    document = json.loads(_render("train.py", "-f", "json").stdout)

    for one in document["passes"]:
        taken = [(node["module"], node["op"], node["cuts"]) for node in one["graph"]["nodes"] if node.get("cuts")]
        assert taken == [("head.0", "addmm", [0])]


def test_leaves_that_get_nothing_know_their_optimizer():
    """They are not in any graph, but the optimizer holds them."""
    Path("train.py").write_text(DETACHED)

    document = json.loads(_render("train.py", "-f", "json").stdout)

    assert {leaf["name"]: leaf["optimizers"] for leaf in document["leaves"]} == {
        f"{module}.{name}": [0] for module in ("encoder", "head") for name in ("weight", "bias")
    }


def test_structure_alone_is_left_alone():
    """`--level structure` asks for the cheapest run, and gets it."""
    Path("train.py").write_text(DETACHED)

    document = json.loads(_render("train.py", "-f", "json", "--level", "structure").stdout)

    assert (document["cuts"], document["findings"]) == ([], [])


def test_the_browser_gets_the_page():
    """In a folder of its own, which stays."""
    done = _render("--open", "w*w*y", "w=0.5", "y=2.0")

    assert done.returncode == 0
    opened = Path("opened").read_text().strip()
    assert opened.startswith("file://")
    page = Path(opened.removeprefix("file://"))
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert str(page) in done.stderr


def test_the_browser_gets_the_file_that_was_named():
    """Of any format."""
    _render("--open", "-o", "net.svg", "w*w*y", "w=0.5", "y=2.0")

    assert Path("opened").read_text().strip() == Path("net.svg").absolute().as_uri()


def test_nothing_opens_and_nothing_stays_when_nothing_was_drawn():
    """An older file of the name is not taken for the new one."""
    Path("net.svg").write_text("of yesterday")

    done = _render("--open", "no_such_file.py"), _render("--open", "-o", "net.svg", "no_such_file.py")

    assert [one.returncode for one in done] == [2, 2]
    assert not Path("opened").exists()
    assert Path("net.svg").read_text() == "of yesterday"
    assert list(Path("temporary").iterdir()) == []

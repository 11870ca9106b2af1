"""`gradtrace memory` from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gradtrace.cli.main import main

PROGRAM = """\
import torch
from torch import nn
net = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 1))
for size in (2, 16, 4):
    x = torch.ones(size, 4)
    net(x).sum().backward()
print("trained")
"""


def test_the_pass_that_keeps_the_most_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a program, whose output stays out of the document, and of a recording of it; asked for, another pass."""
    (tmp_path / "train.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "gradtrace", "record", "-q", "-o", "run.gtrace", "train.py"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    command = [sys.executable, "-m", "gradtrace", "memory", "-f", "json", "train.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "trained\n")
    document = json.loads(done.stdout)
    assert [one["bytes"] for one in document["passes"]] == [4 * size * (4 + 8 + 8) for size in (2, 16, 4)]
    assert (document["pass"], document["bytes"]) == (2, 4 * 16 * 20)

    recording = str(tmp_path / "run.gtrace")
    capsys.readouterr()
    assert main(["memory", "--color", "never", recording]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "pass 2 keeps 1.3 kB for its backward" in shown
    assert "net(x).sum().backward() at train.py:6: 3 saved tensors in 3 storages, each counted once" in shown
    assert main(["memory", "-f", "csv", "--by", "op", "--pass", "3", recording]) == 0
    assert capsys.readouterr().out == "bytes,tensors,op\n192,2,linear\n128,1,gelu\n"
    assert main(["memory", "--pass", "4", recording]) == 2
    assert "there is no pass 4: the run has 3 passes" in capsys.readouterr().err
    assert main(["memory", "--top", "2", "-f", "csv", recording]) == 2
    assert "--top means nothing to the format csv, which has every row" in capsys.readouterr().err

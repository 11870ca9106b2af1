"""What the help about an overwritten tensor says repairs the program that it was said of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from shared_recordings import shared_folder, traces

from gradtrace.diagnosis.diagnose import diagnose
from gradtrace.model import Finding

HEAD = """\
import torch
x = torch.randn(4, requires_grad=True)
"""
OVERWRITES = {
    "item": ("y = x.softmax(0)", "y[0] = 0", "y.sum().backward()"),
    "slice of an attribute": ("x.out = torch.exp(x)", "x.out[1:] *= 2", "x.out.sum().backward()"),
    "item of a list": ("h = [x.exp()]", "h[0] += 1", "h[0].sum().backward()"),
    "operator": ("y = x.sqrt()", "y *= 3", "y.sum().backward()"),
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finding]:
    """The finding of each program."""
    folder = shared_folder(tmp_path_factory) / "overwritten"
    folder.mkdir(exist_ok=True)
    files: list[Path] = []
    for name, lines in OVERWRITES.items():
        files.append(folder / f"{name}.py")
        files[-1].write_text(HEAD + "\n".join(lines) + "\n", "utf-8")
    found = {}
    for name, trace in zip(OVERWRITES, traces(files, tmp_path_factory), strict=True):
        (found[name],) = diagnose(trace).findings
    return found


@pytest.mark.parametrize("name", ["item", "slice of an attribute", "operator"])
def test_the_help_repairs_the_program(findings: dict[str, Finding], name: str) -> None:
    """Its statement stands before the line that overwrites, or instead of it."""
    before, line, after = OVERWRITES[name]
    told = re.match(r"(Put|Write) `(.+?)`(?: before this line|, which makes a new tensor)", findings[name].help or "")
    assert told is not None, findings[name].help

    repaired = f"{HEAD}{before}\n{told[2]}\n{line if told[1] == 'Put' else ''}\n{after}\n"
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        exec(f"{HEAD}{before}\n{line}\n{after}\n", {})
    exec(repaired, {})


def test_a_list_is_not_told_to_be_copied(findings: dict[str, Finding]) -> None:
    """It holds the tensor, and has no `clone()`."""
    assert findings["item of a list"].help == (
        "Build a new tensor (`torch.cat`, `torch.where`) instead, or write into `x.clone()`."
    )

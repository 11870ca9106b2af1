"""Run a program of `examples/` bare and traced; each run is made once and shared by the tests that look at it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from shared_recordings import once

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
ONE_FORK_EACH = Path(__file__).with_name("one_fork_each.py")
NAMES = tuple(sorted(path.stem for path in EXAMPLES.glob("*.py")))

Run = TypeVar("Run")

SHARED_BY: list[pytest.TempPathFactory] = []
"""Where all workers keep runs: filled when the first test of an example begins."""


@dataclass(frozen=True)
class BareRun:
    """What the program does by itself."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class TracedRun:
    """What it does under `gradtrace render -f json`, and the trace document that came of it."""

    status: int
    stdout: str
    stderr: str
    document: dict[str, Any]

    @property
    def passes(self) -> list[dict[str, Any]]:
        """The passes of the document."""
        return self.document["passes"]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of the document."""
        return self.document["events"]

    def by_index(self, index: int) -> dict[str, Any]:
        """Return the pass of that number; passes that are only counted share a row."""
        return next(run_pass for run_pass in self.passes if run_pass["index"] == index)

    @property
    def leaf_names(self) -> list[str]:
        """Names of the leaves in order of their ids."""
        return [leaf["name"] for leaf in self.document["leaves"]]

    def of_leaf(self, name: str, field: str) -> list[Any]:
        """Values of one field (`before`, `contribution`, `after`, `effect`) of a leaf over the passes that list it."""
        return [
            row[field]["value"] if isinstance(row[field], dict) else row[field]
            for run_pass in self.passes
            for row in run_pass["accumulations"]
            if self.leaf_names[row["leaf"]] == name
        ]

    def nodes(self, index: int, op: str) -> list[dict[str, Any]]:
        """Nodes of one op in a pass, counted from 1."""
        return [node for node in self.by_index(index)["graph"]["nodes"] if node["op"] == op]

    def edges_into_leaf(self, index: int, name: str) -> list[dict[str, Any]]:
        """The edges of a pass that end in a leaf."""
        graph = self.by_index(index)["graph"]
        targets = {
            node["id"] for node in graph["nodes"] if node["leaf"] is not None and self.leaf_names[node["leaf"]] == name
        }
        return [edge for edge in graph["edges"] if edge["target"] in targets]

    def count(self, kind: str) -> int:
        """How often something happened, repeated events included."""
        return sum(event.get("count", 1) for event in self.events if event["kind"] == kind)


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GRADTRACE")}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def _shared(make: Callable[..., Run]) -> Callable[..., Run]:
    """A run that is made once for all workers."""

    @functools.cache
    def made(name: str, *argv: str, **keywords: tuple[str, ...]) -> Run:
        file = "-".join((make.__name__, name, *argv, *keywords.get("options", ())))
        return once(file, lambda: make(name, *argv, **keywords), SHARED_BY[0])

    return made


def bare(name: str, *argv: str) -> BareRun:
    """Run the example as its reader would; those without arguments in forks of one process."""
    return _bare(name, *argv) if argv else _all_bare("examples")[name]


@_shared
def _bare(name: str, *argv: str) -> BareRun:
    done = _run([sys.executable, str(EXAMPLES / f"{name}.py"), *argv], EXAMPLES)
    return BareRun(done.returncode, done.stdout, done.stderr)


@_shared
def _all_bare(_name: str) -> dict[str, BareRun]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = _run([sys.executable, str(ONE_FORK_EACH), "torch", name, *map(str, EXAMPLES.glob("*.py"))], folder)
        assert done.returncode == 0, done.stderr

        def said(example: str, what: str) -> str:
            return (folder / f"{example}.{what}").read_text("utf-8")

        return {one: BareRun(int(said(one, "status")), said(one, "stdout"), said(one, "stderr")) for one in NAMES}


@_shared
def traced(name: str, *argv: str, options: tuple[str, ...] = ()) -> TracedRun:
    """Run the example under `gradtrace render -f json`."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "trace.json"
        program = ["--", *argv] if argv else []
        done = _run(
            [
                *(sys.executable, "-m", "gradtrace", "render", "-q", "-f", "json", "-o", str(output)),
                *options,
                str(EXAMPLES / f"{name}.py"),
                *program,
            ],
            EXAMPLES,
        )
        document = json.loads(output.read_text("utf-8")) if output.exists() else {}
    return TracedRun(done.returncode, done.stdout, done.stderr, document)


@_shared
def explained(name: str, *argv: str) -> str:
    """Return what `gradtrace explain` says about the example."""
    program = ["--", *argv] if argv else []
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "story.txt"
        command = [sys.executable, "-m", "gradtrace", "explain", "-f", "text", "-o", str(output)]
        done = _run([*command, str(EXAMPLES / f"{name}.py"), *program], EXAMPLES)
        return output.read_text("utf-8") if output.exists() else done.stderr

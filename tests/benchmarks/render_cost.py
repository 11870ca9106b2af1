"""Time to draw against the number of nodes, beside `dot`, torchviz and torchlens on the same nets; and real programs.

python tests/benchmarks/render_cost.py              10^2 to 10^5 nodes, and the programs in programs/
python tests/benchmarks/render_cost.py --most 1000  fewer
"""

from __future__ import annotations

import argparse
import gc
import importlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from table import table

from gradtrace import api
from gradtrace.model import Trace
from gradtrace.renderers import registry
from gradtrace.renderers.view_options import ViewOptions

SIZES = (100, 1_000, 10_000, 100_000)
PROGRAMS = ("gpt2_small", "resnet50", "rnn_1000_steps", "transformer_100k")
_NODES_A_BLOCK = 5
_PATIENCE = 120
"""Seconds for another tool on one net."""
FORMATS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("tree", "tree", {}),
    ("SVG, built-in engine", "svg", {"engine": "builtin"}),
    ("SVG, built-in engine, nothing folded", "svg", {"engine": "builtin", "fold": False}),
    ("PNG, built-in engine", "png", {"engine": "builtin"}),
    ("page", "html", {}),
    ("Mermaid", "mermaid", {}),
    ("DOT", "dot", {}),
    ("JSON", "json", {}),
)


OTHERS = (
    ("torchviz, DOT", "_torchviz"),
    ("torchviz and dot, SVG", "_dot"),
    ("torchlens, log without picture", "_torchlens"),
)


def render_cost(most: int = SIZES[-1]) -> str:
    """Two sections of Markdown: seconds for each format and tool by size, and for real programs."""
    return _by_size([size for size in SIZES if size <= most]) + "\n" + _by_program()


def _by_size(sizes: list[int]) -> str:
    rows: dict[str, list[str]] = {}
    for size in sizes:
        trace = _traced(*_net(size))
        for label, cell in _drawn(trace).items():
            rows.setdefault(label, []).append(cell)
        for label, name in OTHERS:
            is_hopeless = bool(rows.get(label)) and not _is_number(rows[label][-1])
            rows.setdefault(label, []).append("—" if is_hopeless else _seconds_apart(name, size))
    head = ["seconds to draw", *(f"{size:,} nodes" for size in sizes)]
    title = (
        "## Drawing\n\nWall-clock seconds, once, of a chain of Linear and Tanh; the recording is loaded already. The"
        f" other tools have {_PATIENCE} s for each net, and are not asked again after they failed.\n\n"
    )
    return title + table(head, [[label, *cells] for label, cells in rows.items()])


def _by_program() -> str:
    columns: list[tuple[str, dict[str, str]]] = []
    for name in PROGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            recording = Path(folder) / "run.gtrace"
            program = Path(__file__).with_name("programs") / f"{name}.py"
            command = [sys.executable, "-m", "gradtrace", "record", "-q", "-o", str(recording), str(program)]
            subprocess.run(command, check=True, capture_output=True)
            begun = time.perf_counter()
            trace = api.load(recording)
            loaded = f"{time.perf_counter() - begun:.2f}"
        graph = trace.passes[0].graph
        n_nodes = len(graph.nodes) if graph is not None else 0
        columns.append((f"{name}, {n_nodes:,} nodes", {"read the recording": loaded, **_drawn(trace)}))
    labels = [label for label in columns[0][1] if "nothing folded" not in label]
    rows = [[label, *(cells[label] for _, cells in columns)] for label in labels]
    return (
        "## Drawing real programs\n\nThe same for the first pass of the programs in `tests/benchmarks/programs`.\n\n"
        + table(["seconds", *(title for title, _ in columns)], rows)
    )


def _drawn(trace: Trace) -> dict[str, str]:
    """Seconds for each format."""
    cells = {}
    for label, name, options in FORMATS:
        drawn = registry.find(name, registry.PICTURES)
        cells[label] = _seconds(lambda d=drawn, o=options: d.render(trace, ViewOptions(**o)))
    return cells


def _is_number(cell: str) -> bool:
    return cell.replace(".", "").isdigit()


def _net(n_nodes: int) -> tuple[Any, Any]:
    import torch
    from torch import nn

    n_blocks = max(1, n_nodes // _NODES_A_BLOCK)
    blocks = [nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(n_blocks)]
    return nn.Sequential(*blocks), torch.randn(2, 4)


def _traced(net: Any, x: Any) -> Trace:
    with api.record(passes="all") as recording:
        net(x).sum().backward()
    return recording.trace


def _seconds(draw: Callable[[], object]) -> str:
    gc.collect()
    gc.disable()  # as the command line does
    begun = time.perf_counter()
    try:
        draw()
    except ImportError:
        return "not installed"
    except Exception as error:  # noqa: BLE001  a tool that fails is a result
        return type(error).__name__
    finally:
        gc.enable()
    return f"{time.perf_counter() - begun:.2f}"


def _seconds_apart(name: str, size: int) -> str:
    """Seconds of another tool, in a process that can be ended."""
    command = [sys.executable, __file__, "--other", name, "--most", str(size)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return f"over {_PATIENCE}"
    return done.stdout.strip() or "crashed"


def _torchviz(net: Any, x: Any) -> str:
    source: str = importlib.import_module("torchviz").make_dot(net(x).sum(), dict(net.named_parameters())).source
    return source


def _dot(net: Any, x: Any) -> None:
    dot = shutil.which("dot")
    if dot is None:
        raise ImportError("dot")
    subprocess.run([dot, "-Tsvg"], input=_torchviz(net, x).encode(), capture_output=True, check=True)


def _torchlens(net: Any, x: Any) -> None:
    importlib.import_module("torchlens").trace(net, x)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description="Time to draw against the number of nodes.")
    parser.add_argument("--most", type=int, default=SIZES[-1], metavar="NODES")
    parser.add_argument("--other", choices=[name for _, name in OTHERS], help="one tool on the largest net only")
    given = parser.parse_args()
    if given.other:
        net, x = _net(given.most)
        draw = globals()[given.other]
        sys.stdout.write(_seconds(lambda: draw(net, x)))
    else:
        sys.stdout.write(render_cost(given.most))


if __name__ == "__main__":
    main()

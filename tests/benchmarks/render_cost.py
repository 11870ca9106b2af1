"""Time to draw against the number of nodes, beside `dot`, torchviz and torchlens on the same nets.

python tests/benchmarks/render_cost.py              10^2 to 10^5 nodes
python tests/benchmarks/render_cost.py --most 1000  fewer
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from table import table

from gradtrace import api
from gradtrace.model import Trace
from gradtrace.renderers import registry

SIZES = (100, 1_000, 10_000, 100_000)
MOST_FOR_OTHERS = 1_000
"""Nodes: with more, the other tools take minutes."""
_NODES_A_BLOCK = 5
_PATIENCE = 120
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


def render_cost(most: int = SIZES[-1]) -> str:
    """A section of Markdown: seconds for each format and tool."""
    sizes = [size for size in SIZES if size <= most]
    rows: dict[str, list[str]] = {}
    for size in sizes:
        net, x = _net(size)
        trace = _traced(net, x)
        for label, name, options in FORMATS:
            drawn = registry.find(name, registry.PICTURES)
            rows.setdefault(label, []).append(_seconds(lambda d=drawn, t=trace, o=options: d.render(t, **o)))
        for label, draw in (
            ("torchviz, DOT", _torchviz),
            ("torchviz and dot, SVG", _dot),
            ("torchlens, log without picture", _torchlens),
        ):
            is_small = size <= MOST_FOR_OTHERS
            rows.setdefault(label, []).append(_seconds(lambda f=draw, n=net, v=x: f(n, v)) if is_small else "not tried")
    head = ["seconds to draw", *(f"{size:,} nodes" for size in sizes)]
    title = (
        "## Drawing\n\nWall-clock seconds, once, of a chain of Linear and Tanh; the recording is loaded already.\n\n"
    )
    return title + table(head, [[label, *cells] for label, cells in rows.items()])


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
    begun = time.perf_counter()
    try:
        draw()
    except ImportError:
        return "not installed"
    except Exception as error:  # noqa: BLE001  a tool that fails is a result
        return type(error).__name__
    return f"{time.perf_counter() - begun:.2f}"


def _torchviz(net: Any, x: Any) -> str:
    source: str = importlib.import_module("torchviz").make_dot(net(x).sum(), dict(net.named_parameters())).source
    return source


def _dot(net: Any, x: Any) -> None:
    dot = shutil.which("dot")
    if dot is None:
        raise ImportError("dot")
    subprocess.run([dot, "-Tsvg"], input=_torchviz(net, x).encode(), capture_output=True, timeout=_PATIENCE, check=True)


def _torchlens(net: Any, x: Any) -> None:
    importlib.import_module("torchlens").trace(net, x)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Time to draw against the number of nodes.")
    parser.add_argument("--most", type=int, default=SIZES[-1], metavar="NODES")
    sys.stdout.write(render_cost(parser.parse_args().most))


if __name__ == "__main__":
    main()

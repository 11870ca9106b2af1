"""Graphviz as a program: `dot` of the system, else the port of it that pip installs (`graphviz-pure`)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from math import sqrt
from pathlib import Path

from gradtrace.errors import RenderError
from gradtrace.text.escape import visible
from gradtrace.text.palette import FONT

SECONDS = 30.0
LONGEST_SIDE = 8000
"""Pixels."""
LARGEST_AREA = 40_000_000
"""Pixels; an uncapped picture of a thousand nodes takes gigabytes."""
SHARPNESS = 2.0
"""Pixels per point, where the limits allow it."""
INSTALL = (
    "Install Graphviz (Debian, Ubuntu: apt-get install graphviz; macOS: brew install graphviz; "
    "Windows: winget install graphviz; conda: conda install graphviz) so that `dot` is on PATH"
)
INSTALL_PORT = "or install a port of it: pip install 'gradtrace[graphviz]'"
_PORT = "graphviz-pure"
_PORT_FONT = "Helvetica"
"""The port knows the widths of letters by the name of one font, not by a list."""
_PORT_MEMORY = 4 << 30
_ADVICE = "Draw less with --depth N, or use --engine builtin."


@dataclass(frozen=True, slots=True)
class Program:
    """One that lays out DOT.

    Attributes:
        path: what to run.
        is_port: whether it is the port.
    """

    path: str
    is_port: bool = False


def find(output: str) -> Program | None:
    """The program that draws a format (`svg`, `png`, `pdf`); None when none is installed. The port draws no PDF."""
    dot = shutil.which("dot")
    if dot is not None:
        return Program(dot)
    beside_us = str(Path(sys.executable).parent)  # a virtual environment that is not activated is not on PATH
    port = None if output == "pdf" else shutil.which(_PORT) or shutil.which(_PORT, path=beside_us)
    return None if port is None else Program(port, is_port=True)


def draw(program: Program, source: str, output: str) -> bytes:
    """What the program makes of DOT text.

    Raises:
        RenderError: it failed, was killed or took longer than `SECONDS`.
    """
    if program.is_port:
        drawn = _run(program, source.replace(f'"{FONT}"', f'"{_PORT_FONT}"'), output)
        written = f'font-family="{_PORT_FONT},sans-Serif"'
        drawn = drawn.replace(written.encode(), f'font-family="{FONT}"'.encode())
    else:
        drawn = _run(program, source, output)
    return _with_own_ids(drawn) if output == "svg" else drawn


def _with_own_ids(drawn: bytes) -> bytes:
    """The picture with ids of its own: `node1` of two pictures in one page would be the same.

    Graphviz escapes quotes in text, so that an attribute stands nowhere but in a tag.
    """
    own = f"gt-{sha256(drawn).hexdigest()[:8]}-".encode()
    drawn = re.sub(rb'(?<= id=")', own, drawn)
    return re.sub(rb'(?<=url\(#)|(?<=href="#)', own, drawn)


def _run(program: Program, source: str, output: str) -> bytes:
    name = Path(program.path).stem
    with tempfile.TemporaryDirectory(prefix="gradtrace-") as folder:
        path = Path(folder, "picture.dot")
        path.write_text(source, encoding="utf-8")
        command = [program.path, "-Kdot", f"-T{output}", *_limits(output), str(path)]
        try:
            done = subprocess.run(  # noqa: S603 - a program of the user's own PATH
                command, capture_output=True, timeout=SECONDS, check=True, preexec_fn=_memory_limit(program)
            )
        except subprocess.TimeoutExpired as error:
            raise RenderError(f"{name} was stopped after {SECONDS:g} seconds without a picture. {_ADVICE}") from error
        except subprocess.CalledProcessError as error:
            raise RenderError(f"{_failure(name, error)}. {_ADVICE}") from error
        except OSError as error:
            raise RenderError(f"{name} cannot be run: {error.strerror or error}. {_ADVICE}") from error
    if not done.stdout:
        raise RenderError(f"{name} wrote nothing. {_ADVICE}")
    return done.stdout


def _memory_limit(program: Program) -> Callable[[], None] | None:
    """The port is young: it gets no more memory than a picture needs."""
    if not program.is_port or os.name != "posix":
        return None
    import resource  # noqa: PLC0415 - not on every system

    return lambda: resource.setrlimit(resource.RLIMIT_AS, (_PORT_MEMORY, _PORT_MEMORY))


def _failure(name: str, error: subprocess.CalledProcessError) -> str:
    said = (error.stderr or b"").decode("utf-8", "replace").strip().split("\n")[0]
    how = (
        f"was killed by signal {-error.returncode}"
        if error.returncode < 0
        else f"failed with status {error.returncode}"
    )
    return f"{name} {how}" + (f": {visible(said, 200)}" if said else "")


def _limits(output: str) -> list[str]:
    """Options that keep a PNG within the limits: `size` scales a drawing down, never up."""
    if output != "png":
        return []
    dpi = 72 * SHARPNESS
    side = min(LONGEST_SIDE, int(sqrt(LARGEST_AREA))) / dpi
    return [f"-Gdpi={dpi:g}", f"-Gsize={side:.3f},{side:.3f}"]

"""`gradtrace doctor`."""

import importlib.metadata
import importlib.util
import json
import platform
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from gradtrace.cli.console import look_at
from gradtrace.cli.output import Output
from gradtrace.version import __version__

_TIMEOUT = 60

_ASK_TORCH = """
import json, platform
answer = {"python": platform.python_version()}
try:
    import torch
except Exception as error:
    answer["problem"] = f"{type(error).__name__}: {error}"
else:
    devices = ["cpu"]
    for kind in ("cuda", "xpu", "mps"):
        module = getattr(torch, kind, None)
        if module is not None and module.is_available():
            count = module.device_count()
            devices += [f"{kind}:{i} ({getattr(module, 'get_device_name', lambda i: kind)(i)})" for i in range(count)]
    answer.update(torch=torch.__version__, devices=devices)
print(json.dumps(answer))
"""


def command(
    python: Annotated[
        str | None, typer.Option("--python", metavar="PATH", help="Ask another interpreter about torch.")
    ] = None,
) -> int:
    """Say what is installed: python, torch, devices, graphviz, and what this terminal can show."""
    from gradtrace.launch import choose

    place = Output.open(None, "never")
    chosen = choose(python)
    rows = [
        ("gradtrace", f"{__version__}, run by python {platform.python_version()}"),
        *_torch(chosen.path),
        *([("", chosen.note)] if chosen.note else []),
        ("graphviz", _graphviz()),
        ("svg", "always, by the built-in layout (by dot with --engine dot)"),
        ("png", _ways("png", "resvg_py")),
        ("pdf", _ways("pdf", "typst")),
        ("terminal", _terminal()),
    ]
    place.write("".join(f"{name:<10} {text}\n" for name, text in rows))
    return 0


def _torch(python: str) -> list[tuple[str, str]]:
    """Asks in a process of its own: importing torch takes seconds, and may fail in ways that end a process."""
    try:
        asked = subprocess.run(  # noqa: S603  the interpreter that the user names
            [python, "-c", _ASK_TORCH], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
        answer = json.loads(asked.stdout.rpartition("\n{")[2] if "\n{" in asked.stdout else asked.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        return [
            ("python", f"{python}: gives no answer ({type(error).__name__})"),
            ("torch", f"not known{_installed()}"),
        ]
    rows = [("python", f"{answer['python']} ({python})")]
    if "problem" in answer:
        return [*rows, ("torch", f"cannot be imported: {answer['problem']}")]
    return [*rows, ("torch", answer["torch"]), ("devices", ", ".join(answer["devices"]))]


def _installed() -> str:
    try:
        return f"; {importlib.metadata.version('torch')} is installed here"
    except importlib.metadata.PackageNotFoundError:
        return ""


def _graphviz() -> str:
    from gradtrace.renderers.picture.graphviz_programs import find

    program = find("svg")
    if program is None:
        return "none: only --engine dot needs it (apt-get install graphviz, brew install graphviz)"
    dot = program.path
    try:
        asked = subprocess.run([dot, "-V"], capture_output=True, text=True, timeout=_TIMEOUT, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{dot} does not work: {error}"
    said = (asked.stderr or asked.stdout).strip().rpartition(" - ")[2]
    return f"{said or 'unknown version'} ({dot})"


def _ways(output: str, package: str) -> str:
    """What draws a format: the package of the extra of the same name, and a program of Graphviz's."""
    from gradtrace.renderers.picture.graphviz_programs import find

    program = find(output)
    ways = [package.partition("_")[0]] if importlib.util.find_spec(package) else []
    ways += [Path(program.path).stem] if program else []
    return f"yes, by {' and '.join(ways)}" if ways else f"no: pip install 'gradtrace[{output}]', or install graphviz"


def _terminal() -> str:
    console = look_at(sys.stdout)
    where = f"{console.width} columns" if console.is_terminal else "stdout is no terminal"
    return f"{where}, {'colours' if console.color else 'no colours'}, {'unicode' if console.unicode else 'ascii only'}"

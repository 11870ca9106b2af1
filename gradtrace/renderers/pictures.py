"""SVG, PNG and PDF: by Graphviz where it is there and fit, else by the built-in engine."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from gradtrace.errors import RenderError
from gradtrace.model import Trace
from gradtrace.renderers import dot, svg
from gradtrace.renderers.escape import visible
from gradtrace.renderers.scene import Choice, Labels, Scene, compose

ENGINES = ("auto", "dot", "builtin")
DOT_LIMIT = 2000
"""More boxes than this are not handed to `dot`: its time grows with a power of their number."""
DOT_SECONDS = 30.0
LONGEST_SIDE = 8000
"""Pixels."""
LARGEST_AREA = 40_000_000
"""Pixels; an uncapped picture of a thousand nodes takes gigabytes."""
_SHARPNESS = 2.0
"""Pixels per point, where the limits allow it."""
_INSTALL_DOT = (
    "Install Graphviz (Debian, Ubuntu: apt-get install graphviz; macOS: brew install graphviz; "
    "Windows: winget install graphviz; conda: conda install graphviz) so that `dot` is on PATH"
)


@dataclass(frozen=True, slots=True)
class Options:
    """What to draw, and how.

    Attributes:
        format: `svg`, `png` or `pdf`.
        pass_index: which pass; by default the first one with a graph.
        depth: modules below this depth are closed.
        fold: whether anything is folded at all.
        engine: `dot` (Graphviz), `builtin`, or `auto`: `dot` where it is there and the graph is small enough.
        theme: `light` or `dark`.
        focus: only what leads to the leaf, module or value of this name.
        expand: modules that are open whatever else is folded.
        values: whether ops tell their values; None: where there is room.
        shapes: whether they tell their shapes.
        source: whether they tell where they stand in the source.
    """

    format: str = "svg"
    pass_index: int | None = None
    depth: int | None = None
    fold: bool = True
    engine: str = "auto"
    theme: str = "light"
    focus: str | None = None
    expand: tuple[str, ...] = ()
    values: bool | None = None
    shapes: bool | None = None
    source: bool | None = None


def render(trace: Trace, options: Options = Options()) -> str | bytes:
    """One pass as a picture: text for SVG, bytes for PNG and PDF.

    Raises:
        RenderError: there is nothing to draw, or a program is missing, failed or took too long.
    """
    theme = dot.theme_named(options.theme)
    engine = _engine(options)
    scene = compose(trace, _choice(options))
    if engine == "auto":
        engine = "dot" if shutil.which("dot") and len(scene.boxes) <= DOT_LIMIT else "builtin"
    if engine == "dot":
        _check_size(scene)
        picture = run_dot(dot.draw(scene, theme), options.format)
        return picture.decode("utf-8") if options.format == "svg" else picture
    drawn = svg.draw(scene, theme)
    if options.format == "svg":
        return drawn
    if options.format == "pdf":
        raise RenderError(_no_pdf(scene))
    return _rasterise(drawn)


def _choice(options: Options) -> Choice:
    return Choice(
        options.pass_index,
        options.depth,
        options.fold,
        focus=options.focus,
        expand=options.expand,
        labels=Labels(options.values, options.shapes, options.source),
    )


def _engine(options: Options) -> str:
    """The engine asked for, once it is known that it can do what is asked."""
    if options.engine not in ENGINES:
        raise RenderError(f"there is no engine {options.engine!r}: choose {', '.join(ENGINES)}")
    if options.engine == "dot" and not shutil.which("dot"):
        raise RenderError(f"there is no `dot` on PATH. {_INSTALL_DOT}, or use --engine builtin for SVG and PNG.")
    return options.engine


def _check_size(scene: Scene) -> None:
    if len(scene.boxes) > DOT_LIMIT:
        raise RenderError(
            f"the picture has {len(scene.boxes):,} boxes, and dot takes minutes for more than {DOT_LIMIT:,}. "
            "Fold it with --depth N (without --no-fold), or use --engine builtin."
        )


def _no_pdf(scene: Scene) -> str:
    if shutil.which("dot"):
        if len(scene.boxes) > DOT_LIMIT:
            return (
                f"PDF is drawn by dot, and the picture has {len(scene.boxes):,} boxes, too many for it (limit "
                f"{DOT_LIMIT:,}). Fold it with --depth N, or write SVG."
            )
        return "PDF is drawn by dot, not by the built-in engine: use --engine dot, or write SVG."
    return f"PDF needs Graphviz, and there is no `dot` on PATH. {_INSTALL_DOT}, or write SVG, which needs nothing."


def run_dot(source: str, output: str, seconds: float | None = None) -> bytes:
    """What `dot` makes of DOT text.

    Raises:
        RenderError: it is missing, failed, was killed or took longer than `DOT_SECONDS`.
    """
    from graphviz.backend import execute  # noqa: PLC0415 - loaded only for pictures

    seconds = DOT_SECONDS if seconds is None else seconds
    advice = "Draw less with --depth N, or use --engine builtin."
    command: list[str | os.PathLike[str]] = ["dot", "-Kdot", f"-T{output}", *_limits(output)]
    with tempfile.TemporaryDirectory(prefix="gradtrace-") as folder:
        path = Path(folder, "picture.dot")
        path.write_text(source, encoding="utf-8")
        try:
            done = execute.run_check([*command, path], capture_output=True, quiet=True, timeout=seconds)
        except execute.ExecutableNotFound as error:
            raise RenderError(f"there is no `dot` on PATH. {_INSTALL_DOT}.") from error
        except subprocess.TimeoutExpired as error:
            raise RenderError(f"dot was stopped after {seconds:g} seconds without a picture. {advice}") from error
        except subprocess.CalledProcessError as error:
            raise RenderError(f"{_failure(error)}. {advice}") from error
        except OSError as error:
            raise RenderError(f"dot cannot be run: {error.strerror or error}. {advice}") from error
    if not done.stdout:
        raise RenderError(f"dot wrote nothing. {advice}")
    return bytes(done.stdout)


def _failure(error: subprocess.CalledProcessError) -> str:
    said = (error.stderr or b"").decode("utf-8", "replace").strip().split("\n")[0]
    how = (
        f"was killed by signal {-error.returncode}"
        if error.returncode < 0
        else f"failed with status {error.returncode}"
    )
    return f"dot {how}" + (f": {visible(said, 200)}" if said else "")


def _limits(output: str) -> list[str]:
    """Options that keep a PNG within the limits: `size` scales a drawing down, never up."""
    if output != "png":
        return []
    dpi = 72 * _SHARPNESS
    side = min(LONGEST_SIDE, int(sqrt(LARGEST_AREA))) / dpi
    return [f"-Gdpi={dpi:g}", f"-Gsize={side:.3f},{side:.3f}"]


def _rasterise(drawn: str) -> bytes:
    """PNG from our own SVG."""
    try:
        import resvg_py  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise RenderError(
            "PNG without `dot` needs the package resvg-py: pip install 'gradtrace[png]' (or pip install resvg-py). "
            f"{_INSTALL_DOT}, or write SVG, which needs nothing."
        ) from error
    width, height = (float(drawn.split(f' {side}="', 1)[1].split('"', 1)[0]) for side in ("width", "height"))
    zoom = min(_SHARPNESS, LONGEST_SIDE / width, LONGEST_SIDE / height, sqrt(LARGEST_AREA / (width * height)))
    try:
        return bytes(
            resvg_py.svg_to_bytes(svg_string=drawn, width=max(1, int(width * zoom)), height=max(1, int(height * zoom)))
        )
    except ValueError as error:
        raise RenderError(f"resvg cannot draw the picture: {visible(str(error), 200)}. Write SVG instead.") from error

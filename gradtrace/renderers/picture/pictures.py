"""SVG, PNG and PDF: by Graphviz where it is there and fit, else by the built-in engine."""

import shutil
from dataclasses import dataclass
from math import sqrt

from gradtrace.errors import RenderError
from gradtrace.model import Trace
from gradtrace.renderers.picture import dot, graphviz_programs, svg
from gradtrace.renderers.picture.graphviz_programs import INSTALL, INSTALL_PORT
from gradtrace.renderers.picture.scene import DrawingOptions, Scene, compose
from gradtrace.text.escape import visible

ENGINES = ("auto", "dot", "builtin")
DOT_LIMIT = 2000
"""More boxes than this are not handed to `dot`: its time grows with a power of their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(DrawingOptions):
    """What to draw, and how.

    Attributes:
        format: `svg`, `png` or `pdf`.
        engine: `dot` (Graphviz, or the port that pip installs), `builtin`, or `auto`: `dot` where it is there and the
            graph is small enough.
        theme: `light` or `dark`.
    """

    format: str = "svg"
    engine: str = "auto"
    theme: str = "light"


def render(trace: Trace, options: Options = Options()) -> str | bytes:
    """One pass as a picture: text for SVG, bytes for PNG and PDF.

    Raises:
        RenderError: there is nothing to draw, far too much, or a program is missing, failed or took too long.
    """
    theme = dot.theme_named(options.theme)
    program = _program(options)
    scene = compose(trace, options.choice())
    dot.check_density(scene)
    if options.engine == "dot":
        _check_size(scene)
    if program is not None and len(scene.boxes) <= DOT_LIMIT:
        picture = graphviz_programs.draw(program, dot.draw(scene, theme), options.format)
        return picture.decode("utf-8") if options.format == "svg" else picture
    drawn = svg.draw(scene, theme)
    if options.format == "svg":
        return drawn
    if options.format == "pdf":
        raise RenderError(_no_pdf(scene))
    return _rasterise(drawn)


def _program(options: Options) -> graphviz_programs.Program | None:
    """The program that draws if the picture is not too large for it; None: the built-in engine does."""
    if options.engine not in ENGINES:
        raise RenderError(f"there is no engine {options.engine!r}: choose {', '.join(ENGINES)}")
    program = None if options.engine == "builtin" else graphviz_programs.find(options.format)
    if options.engine == "dot" and program is None and options.format != "pdf":
        raise RenderError(f"there is no `dot` on PATH. {INSTALL}, {INSTALL_PORT}, or use --engine builtin.")
    return program


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
    return f"PDF needs Graphviz, and there is no `dot` on PATH. {INSTALL}, or write SVG, which needs nothing."


def _rasterise(drawn: str) -> bytes:
    """PNG from our own SVG."""
    try:
        import resvg_py  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise RenderError(
            "PNG without `dot` needs the package resvg-py: pip install 'gradtrace[png]' (or pip install resvg-py). "
            f"{INSTALL}, or write SVG, which needs nothing."
        ) from error
    width, height = (float(drawn.split(f' {side}="', 1)[1].split('"', 1)[0]) for side in ("width", "height"))
    zoom = min(
        graphviz_programs.SHARPNESS,
        graphviz_programs.LONGEST_SIDE / width,
        graphviz_programs.LONGEST_SIDE / height,
        sqrt(graphviz_programs.LARGEST_AREA / (width * height)),
    )
    try:
        return bytes(
            resvg_py.svg_to_bytes(svg_string=drawn, width=max(1, int(width * zoom)), height=max(1, int(height * zoom)))
        )
    except ValueError as error:
        raise RenderError(f"resvg cannot draw the picture: {visible(str(error), 200)}. Write SVG instead.") from error

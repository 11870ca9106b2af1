"""SVG, PNG and PDF: laid out by the built-in engine, or by Graphviz where that is asked for."""

from dataclasses import dataclass

from gradtrace.errors import RenderError
from gradtrace.model import Trace
from gradtrace.renderers.picture import converters, dot, graphviz_programs, svg
from gradtrace.renderers.picture.fitting import fitting, page_named
from gradtrace.renderers.picture.graphviz_programs import INSTALL, INSTALL_PORT
from gradtrace.renderers.picture.scene import DrawingOptions, Scene, compose

ENGINES = ("auto", "builtin", "dot")
DOT_LIMIT = 2000
"""More boxes than this are not handed to `dot`: its time grows with a power of their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(DrawingOptions):
    """What to draw, and how.

    Attributes:
        format: `svg`, `png` or `pdf`.
        engine: `builtin`, `dot` (Graphviz, or the port that pip installs), or `auto`: `dot` only where it alone can
            write the format.
        theme: `light` or `dark`.
        direction: `tb` (the forward pass runs downwards) or `lr` (to the right).
        size: `page`, `a4`, `slide` or `WxH` in pixels: as much is folded as fits, and the picture has that size.
    """

    format: str = "svg"
    engine: str = "auto"
    theme: str = "light"
    direction: str = "tb"
    size: str | None = None


def render(trace: Trace, options: Options = Options()) -> str | bytes:
    """One pass as a picture: text for SVG, bytes for PNG and PDF.

    Raises:
        RenderError: there is nothing to draw, far too much, or a program is missing, failed or took too long.
    """
    theme = dot.theme_named(options.theme)
    program = _program(options)
    page, direction = page_named(options.size), dot.direction_named(options.direction)
    if program is None:
        scene, layout = fitting(trace, options.choice(), options.size, direction)
    else:
        scene, layout = compose(trace, options.choice()), None
    dot.check_density(scene)
    if program is not None:
        _check_size(scene)
        picture = graphviz_programs.draw(program, dot.draw(scene, theme, direction), options.format)
        return picture.decode("utf-8") if options.format == "svg" else picture
    drawn = svg.draw(scene, theme, layout, page)
    return (
        drawn
        if options.format == "svg"
        else converters.png(drawn)
        if options.format == "png"
        else converters.pdf(drawn)
    )


def _program(options: Options) -> graphviz_programs.Program | None:
    """The program that lays out the picture; None: the built-in engine does."""
    if options.engine not in ENGINES:
        raise RenderError(f"there is no engine {options.engine!r}: choose {', '.join(ENGINES)}")
    is_asked = options.engine == "dot"
    if not is_asked and (options.engine == "builtin" or not converters.is_missing(options.format)):
        return None
    program = graphviz_programs.find(options.format)
    if program is None and is_asked:
        port = "" if options.format == "pdf" else f", {INSTALL_PORT}"
        raise RenderError(f"there is no `dot` on PATH. {INSTALL}{port}, or use --engine builtin.")
    return program


def _check_size(scene: Scene) -> None:
    if len(scene.boxes) > DOT_LIMIT:
        raise RenderError(
            f"the picture has {len(scene.boxes):,} boxes, and dot takes minutes for more than {DOT_LIMIT:,}. "
            "Fold it with --depth N (without --no-fold), or use --engine builtin."
        )

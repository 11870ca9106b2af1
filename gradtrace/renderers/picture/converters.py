"""PNG and PDF from our own SVG, by packages that pip installs."""

import tempfile
from importlib.util import find_spec
from math import sqrt
from pathlib import Path

from gradtrace.errors import RenderError
from gradtrace.renderers.picture import graphviz_programs
from gradtrace.text.escape import visible

_WITHOUT = "or write SVG, which needs nothing"
_PAGE = """#set page(width: auto, height: auto, margin: 0pt)
#set document(date: none)
#image("picture.svg")
"""
_SAMPLE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">'
    '<text y="15" font-family="{font}">{text}</text></svg>'
)
_PACKAGES = {"png": "resvg_py", "pdf": "typst"}


def is_missing(output: str) -> bool:
    """Whether the package that makes this format (`png`, `pdf`) of our SVG is not installed."""
    package = _PACKAGES.get(output)
    return package is not None and find_spec(package) is None


def png(drawn: str) -> bytes:
    """A picture in pixels.

    Raises:
        RenderError: the package is missing, no font is there, or the picture cannot be drawn.
    """
    try:
        import resvg_py  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise RenderError(
            "PNG needs the package resvg-py: pip install 'gradtrace[png]' (or pip install resvg-py), "
            f"or Graphviz. {graphviz_programs.INSTALL}, {_WITHOUT}."
        ) from error
    width, height = (float(drawn.split(f' {side}="', 1)[1].split('"', 1)[0]) for side in ("width", "height"))
    zoom = min(
        graphviz_programs.SHARPNESS,
        graphviz_programs.LONGEST_SIDE / width,
        graphviz_programs.LONGEST_SIDE / height,
        sqrt(graphviz_programs.LARGEST_AREA / (width * height)),
    )
    font = drawn.split(' font-family="', 1)[1].split('"', 1)[0]
    samples = {bytes(resvg_py.svg_to_bytes(svg_string=_SAMPLE.format(font=font, text=text))) for text in ("", "x")}
    if len(samples) == 1:
        raise RenderError(
            "PNG needs a font, and this machine has none that fits. Install one (Debian, Ubuntu: apt-get install "
            f"fonts-liberation), {_WITHOUT}."
        )
    try:
        return bytes(
            resvg_py.svg_to_bytes(svg_string=drawn, width=max(1, int(width * zoom)), height=max(1, int(height * zoom)))
        )
    except ValueError as error:
        raise RenderError(f"resvg cannot draw the picture: {visible(str(error), 200)}. Write SVG instead.") from error


def pdf(drawn: str) -> bytes:
    """A page of the picture's size, in which text is text.

    Raises:
        RenderError: the package is missing, or the picture cannot be drawn.
    """
    try:
        import typst  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise RenderError(
            "PDF needs the package typst: pip install 'gradtrace[pdf]' (or pip install typst), "
            f"or Graphviz. {graphviz_programs.INSTALL}, {_WITHOUT}."
        ) from error
    with tempfile.TemporaryDirectory(prefix="gradtrace-") as folder:
        Path(folder, "picture.svg").write_text(drawn, encoding="utf-8")
        page = Path(folder, "page.typ")
        page.write_text(_PAGE, encoding="utf-8")
        try:
            return bytes(typst.compile(str(page), format="pdf"))
        except (RuntimeError, OSError) as error:
            raise RenderError(
                f"typst cannot draw the picture: {visible(str(error), 200)}. Write SVG instead."
            ) from error

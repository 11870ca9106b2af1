"""What a notebook shows of a result: text, a picture, or the page in a frame."""

from __future__ import annotations

from typing import Any, Self, overload

from gradtrace.errors import GradtraceError
from gradtrace.model import Trace, notebook_view
from gradtrace.renderers import registry
from gradtrace.renderers.page.frame import HEIGHT, framed
from gradtrace.renderers.view_options import ViewContext, ViewOptions

_WIDTH = 80
_LINES = 120
_PLAIN = "text/plain"
_MEDIA = {"svg": "image/svg+xml", "html": "text/html", "png": "image/png", "pdf": "application/pdf"}

Bundle = dict[str, Any]


class Text(str):  # noqa: SLOT000 - it has attributes
    """A text that a notebook shows as what it is, and not as the string of Python that it also is."""

    _media: str
    _height: int

    def __new__(cls, text: str, media: str = _PLAIN, height: int = HEIGHT) -> Self:
        """The text; `media` is its type, `height` that of a page in pixels."""
        made = super().__new__(cls, text)
        made._media, made._height = media, height
        return made

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:  # noqa: ARG002 - as IPython asks
        """What a notebook shows."""
        if self._media == _PLAIN:
            return {_PLAIN: str(self)}
        if self._media == _MEDIA["html"]:
            return {self._media: framed(str(self), self._height), _PLAIN: f"<gradtrace page: {len(self):,} characters>"}
        return {self._media: str(self), _PLAIN: f"<gradtrace picture: {len(self):,} characters of SVG>"}

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - as IPython asks
        """The text of a text; IPython asks for it because it has its own way to show a string."""
        printer.text(self._repr_mimebundle_()[_PLAIN])


class Picture(bytes):
    """A picture or a document that a notebook shows."""

    _media: str

    def __new__(cls, content: bytes, media: str) -> Self:
        """The bytes; `media` is their type."""
        made = super().__new__(cls, content)
        made._media = media
        return made

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Bundle:  # noqa: ARG002 - as IPython asks
        """What a notebook shows."""
        return {self._media: bytes(self), _PLAIN: f"<gradtrace {self._media}: {len(self):,} bytes>"}

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002 - as IPython asks
        """What it is, instead of its bytes."""
        printer.text(self._repr_mimebundle_()[_PLAIN])


@overload
def of_format(content: str, format: str, height: int = HEIGHT) -> Text: ...
@overload
def of_format(content: str | bytes, format: str, height: int = HEIGHT) -> Text | Picture: ...
def of_format(content: str | bytes, format: str, height: int = HEIGHT) -> Text | Picture:  # noqa: A002 - as the verb says
    """What a format made, so that a notebook shows it.

    Args:
        content: the text or the bytes.
        format: the name of the format.
        height: of a page, in pixels.
    """
    media = _MEDIA.get(format, _PLAIN)
    return Picture(content, media) if isinstance(content, bytes) else Text(content, media, height)


def of_trace(trace: Trace) -> Bundle:
    """The graph as a tree and as a picture; what there is to say where no graph was recorded."""
    try:
        tree = registry.find("tree", registry.PICTURES)
        plain = tree.render(trace, ViewOptions(max_lines=_LINES), ViewContext(width=_WIDTH))
        picture = registry.find("svg", registry.PICTURES).render(trace)
    except GradtraceError as error:
        return {_PLAIN: f"{trace!r}\n{error}"}
    return {_PLAIN: str(plain), _MEDIA["svg"]: str(picture)}


notebook_view.draw = of_trace

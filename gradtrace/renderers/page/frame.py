"""The page in a frame of a notebook: it disturbs nothing around it, and is not disturbed."""

from html import escape

HEIGHT = 600
"""Pixels of the frame, unless others are asked for."""

_SAVE = "this.href=URL.createObjectURL(new Blob([this.parentNode.querySelector('iframe').srcdoc],{type:'text/html'}))"


def framed(page: str, height: int) -> str:
    """A page of its own as a part of another one, with a link to save it.

    Args:
        page: a whole HTML document.
        height: in pixels.
    """
    look = f"width:100%;height:{height}px;border:1px solid #8884;border-radius:4px;background:#fff"
    return (
        f'<div><iframe srcdoc="{escape(page)}" style="{look}" title="gradtrace"></iframe>'
        f'<a download="gradtrace.html" href="#" onclick="{_SAVE}" style="font-size:smaller">Save this page</a></div>'
    )

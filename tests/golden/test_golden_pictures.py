"""Pictures byte by byte: a change of look is seen and decided, never an accident. Update with `--snapshot-update`."""

import pytest
from golden_files import TRACES, files
from syrupy.assertion import SnapshotAssertion

from gradtrace.renderers.picture import dot, mermaid, pictures


@pytest.mark.parametrize("name", TRACES)
def test_dot(name: str, snapshot: SnapshotAssertion) -> None:
    """DOT of a small program."""
    assert dot.render(TRACES[name]()) == snapshot(extension_class=files("dot"))


@pytest.mark.parametrize("name", TRACES)
def test_mermaid(name: str, snapshot: SnapshotAssertion) -> None:
    """Mermaid of a small program."""
    assert mermaid.render(TRACES[name]()) == snapshot(extension_class=files("mmd"))


@pytest.mark.parametrize("name", TRACES)
def test_svg(name: str, snapshot: SnapshotAssertion) -> None:
    """SVG of a small program by the built-in engine, which needs no fonts and so is the same everywhere."""
    drawn = pictures.render(TRACES[name](), pictures.Options(engine="builtin"))
    assert drawn == snapshot(extension_class=files("svg"))

"""Pictures byte by byte: a change of look is seen and decided, never an accident. Update with `--snapshot-update`."""

import builders
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from gradtrace.renderers import dot, mermaid, pictures

TRACES = {
    "product": builders.product_trace,
    "modules": builders.module_net_trace,
    "accumulate": builders.accumulate_trace,
    "failed": builders.failed_trace,
    "hook": builders.hooked_trace,
    "non_finite": builders.non_finite_trace,
}


def _files(suffix: str) -> type[SingleFileSnapshotExtension]:
    class Files(SingleFileSnapshotExtension):
        _write_mode = WriteMode.TEXT
        file_extension = suffix

    return Files


@pytest.mark.parametrize("name", TRACES)
def test_dot(name: str, snapshot: SnapshotAssertion) -> None:
    """DOT of a small program."""
    assert dot.render(TRACES[name]()) == snapshot(extension_class=_files("dot"))


@pytest.mark.parametrize("name", TRACES)
def test_mermaid(name: str, snapshot: SnapshotAssertion) -> None:
    """Mermaid of a small program."""
    assert mermaid.render(TRACES[name]()) == snapshot(extension_class=_files("mmd"))


@pytest.mark.parametrize("name", TRACES)
def test_svg(name: str, snapshot: SnapshotAssertion) -> None:
    """SVG of a small program by the built-in engine, which needs no fonts and so is the same everywhere."""
    drawn = pictures.render(TRACES[name](), pictures.Options(engine="builtin"))
    assert drawn == snapshot(extension_class=_files("svg"))

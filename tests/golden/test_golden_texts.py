"""The tree, the page and the document byte by byte, and the same bytes whatever the hash seed is."""

import base64
import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from golden_files import TRACES, files
from syrupy.assertion import SnapshotAssertion

from gradtrace.renderers import registry
from gradtrace.renderers.document import trace as trace_document
from gradtrace.renderers.page import page
from gradtrace.renderers.tree import tree
from gradtrace.renderers.view_options import ViewOptions

FORMATS = ("tree", "dot", "svg", "mermaid", "html", "json")
HERE = Path(__file__).resolve()


@pytest.mark.parametrize("name", TRACES)
def test_tree(name: str, snapshot: SnapshotAssertion) -> None:
    """The terminal tree at 100 columns."""
    assert tree.render(TRACES[name](), tree.Options(width=100)) == snapshot(extension_class=files("txt"))


@pytest.mark.parametrize("name", TRACES)
def test_json(name: str, snapshot: SnapshotAssertion) -> None:
    """The trace document."""
    drawn = trace_document.render(TRACES[name](), trace_document.Options())
    assert drawn == snapshot(extension_class=files("json"))


@pytest.mark.parametrize("name", TRACES)
def test_page(name: str, snapshot: SnapshotAssertion) -> None:
    """What the page is given, without its program: header and columns, uncompressed, as text."""
    html = page.render(TRACES[name](), page.Options())
    data = gzip.decompress(base64.b64decode(max(html.split(">"), key=_data_length).split("<")[0]))
    size = int.from_bytes(data[:4], "little")
    header = json.dumps(json.loads(data[4 : 4 + size]), indent=1, sort_keys=True)
    columns = hashlib.sha256(data[4 + size :]).hexdigest()
    assert f"{header}\ncolumns {columns}\n" == snapshot(extension_class=files("page"))


def _data_length(part: str) -> int:
    """How long a piece of the page is, if it can be the compressed data, which begins as gzip does."""
    return len(part) if part.startswith("H4sI") else 0


def _digests(seed: str) -> str:
    code = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "import test_golden_texts as here\n"
        "print(here.digests())\n"
    )
    words = [sys.executable, "-c", code, str(HERE.parent), str(HERE.parent.parent)]
    return subprocess.run(
        words, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
    ).stdout


def digests() -> dict[str, str]:
    """A digest of every format of every trace; dot and PNG have versions of their own and are left out."""
    found = {}
    for format_name in FORMATS:
        for name, make in TRACES.items():
            options = {"engine": "builtin"} if format_name == "svg" else {}
            drawn = registry.find(format_name, registry.PICTURES).render(make(), ViewOptions(**options))
            assert isinstance(drawn, str)
            found[f"{name}.{format_name}"] = hashlib.sha256(drawn.encode()).hexdigest()
    return found


def test_every_run_writes_the_same_bytes() -> None:
    """Sets and dictionaries are in another order with another hash seed; what is drawn is not."""
    assert _digests("1") == _digests("2")

"""What an op is stands in one row of `formulas.trait_rows`, not in tables of the rooms that ask."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from gradtrace.formulas.catalogue import CATALOGUE
from gradtrace.formulas.trait_rows import ROWS

ROOT = Path(__file__).resolve().parents[2] / "gradtrace"

KNOWING = ("formulas", "recorder")
"""Where tables of ops may stand; the recorder can import nothing but the model."""

EXCEPTIONS = {
    "diagnosis/all_needs.py": "loaded before the program is started, without rules or traits; a test holds it to both",
    "analysis/source_slice.py": "functions of Python and of loggers, as the source names them",
    "model/tensors.py": "statistics that are measured of a tensor",
    "renderers/picture/mermaid.py": "shapes that Mermaid knows",
    "renderers/picture/scene/boxes.py": "statistics that are measured of a tensor",
    "renderers/page/data.py": "statistics that are measured of a tensor",
    "diagnosis/rules/not_finite.py": "statistics that are measured of a tensor",
}

FEWEST = 3


def known_ops() -> set[str]:
    names = {name for formula in CATALOGUE for name in (formula.op, *formula.aliases)}
    names |= {name for row in ROWS for name in (row.stem, *row.aliases)}
    return {_plain(name) for name in names}


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def texts(node: ast.AST) -> list[str]:
    """The texts of a collection, or the keys of a dictionary; those of tuples in it too."""
    items = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", [])
    inner = [each for item in items if isinstance(item, ast.Tuple) for each in item.elts[:1]]
    return [item.value for item in (*items, *inner) if isinstance(item, ast.Constant) and isinstance(item.value, str)]


def tables() -> Iterator[tuple[str, int, list[str]]]:
    ops = known_ops()
    for file in sorted(ROOT.rglob("*.py")):
        path = file.relative_to(ROOT)
        if path.parts[0] in KNOWING:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Set | ast.List | ast.Tuple | ast.Dict):
                said = texts(node)
                types = [text for text in said if re.fullmatch(r"\w+Backward\d*", text)]
                if len(types) >= FEWEST or sum(_plain(text) in ops for text in said) >= FEWEST:
                    yield path.as_posix(), node.lineno, said


def test_no_room_keeps_a_table_of_ops() -> None:
    """Three node types or names of ops in one collection are a second opinion on what these ops are."""
    found = list(tables())
    assert [one for one in found if one[0] not in EXCEPTIONS] == []
    assert {path for path, _, _ in found} == set(EXCEPTIONS), "an exception that is none any more"

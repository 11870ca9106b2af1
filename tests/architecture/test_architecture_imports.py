"""Who may import whom: the contracts of import-linter, and what the recorder brings into somebody else's process."""

import ast
import shutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {path.name for path in (ROOT / "gradtrace").iterdir() if path.is_dir() and path.name != "__pycache__"}


def imported_modules(path: Path) -> set[str]:
    """Full names of all modules that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add(node.module or "")
    return names


def files(room: str) -> list[Path]:
    """The Python files of a room."""
    return sorted((ROOT / "gradtrace" / room).rglob("*.py"))


def test_contracts_hold() -> None:
    """Rooms import downwards only, and no room but the recorder imports torch."""
    lint_imports = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert lint_imports is not None
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("room", "others"), [("recorder", {"torch", "numpy", "gradtrace"}), ("model", {"gradtrace"})])
def test_room_needs_only_the_standard_library(room: str, others: set[str]) -> None:
    """The model needs only the standard library, the recorder torch besides; it looks at numpy where that is there."""
    for path in files(room):
        foreign = {name for name in imported_modules(path) if name.partition(".")[0] not in sys.stdlib_module_names}
        assert {name.partition(".")[0] for name in foreign} <= others, path
        own = {name for name in foreign if name.startswith("gradtrace.")}
        assert {name.split(".")[1] for name in own} <= {room, "model", "version"}, path


def test_bootstrap_needs_no_package() -> None:
    """What runs at the start of each Python process of the user loads nothing of ours and hands on to the user's."""
    (bootstrap,) = files("launch/bootstrap")
    tree = ast.parse(bootstrap.read_text("utf-8"))
    at_once = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
    }
    assert at_once <= {"os", "sys", "sitecustomize"}


def test_every_room_says_what_it_is() -> None:
    """Each package has an `__init__` with a docstring."""
    for room in ROOMS:
        init = ROOT / "gradtrace" / room / "__init__.py"
        if init.exists():
            assert ast.get_docstring(ast.parse(init.read_text("utf-8"))), room


def test_files_are_named_after_the_one_thing_inside() -> None:
    """No file or folder is a drawer for all sorts of things."""
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
    named = [path for path in (ROOT / "gradtrace").rglob("*") if path.stem in drawers]
    assert named == []


def test_test_files_have_unique_names() -> None:
    """Test folders are no packages, so that two files of one name would hide each other."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))


LARGEST_CIRCLE = 3


def test_no_large_circle_of_imports() -> None:
    """Files that import each other in a circle are one file in pieces; a package counts by its files alone."""
    graph = grimp.build_graph("gradtrace", cache_dir=None)
    files_only = {name for name in graph.modules if not graph.find_children(name)}
    imported = {name: graph.find_modules_directly_imported_by(name) & files_only for name in files_only}
    circles = set()
    while True:
        try:
            TopologicalSorter(imported).prepare()
            break
        except CycleError as error:
            circle = error.args[1]
            circles.add(frozenset(circle))
            imported[circle[1]] = imported[circle[1]] - {circle[0]}
    assert [sorted(circle) for circle in circles if len(circle) > LARGEST_CIRCLE] == []

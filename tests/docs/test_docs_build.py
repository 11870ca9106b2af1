"""The generator of the documentation: terminal blocks and tables are made anew, everything else is left alone."""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import gradtrace

DOCS = Path(__file__).resolve().parents[2] / "docs"

PAGE = """# Title

```console
$ first
old output
$ second --option
```

```sh
$ not run
```

```console 100
$ wide
```
"""

REBUILT = """# Title

```console
$ first
80 columns: first
$ second --option
80 columns: second --option
```

```sh
$ not run
```

```console 100
$ wide
100 columns: wide
```
"""


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> object:
    """Import one of the programs of docs/, which are scripts beside each other."""
    monkeypatch.syspath_prepend(str(DOCS))
    names = (
        "build",
        "document_tables",
        "formula_catalogue",
        "pictures",
        "terminal_blocks",
        "recording_tables",
        "python_verbs",
    )
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in names:
        sys.modules.pop(name, None)


def test_output_of_every_command_is_replaced(load) -> None:
    """Commands keep their order and their fences, stale output goes, other fences stay."""
    refresh = load("terminal_blocks").refresh
    assert refresh(PAGE, lambda command, columns: f"{columns} columns: {command}\n") == REBUILT


def test_fresh_page_is_a_fixed_point(load) -> None:
    """A second rebuild changes nothing."""
    refresh = load("terminal_blocks").refresh
    assert refresh(REBUILT, lambda command, columns: f"{columns} columns: {command}\n") == REBUILT


def test_commands_run_on_a_terminal(load, tmp_path: Path) -> None:
    """A command sees a terminal of the width asked for, both streams appear, and no colour is wanted."""
    terminal = load("terminal_blocks").Terminal(tmp_path, DOCS.parent / "examples")
    script = "test -t 1 && stty size <&1; echo $COLUMNS $NO_COLOR; echo error >&2; ls"
    assert terminal.run(script, 72) == "50 72\n72 1\nerror\nexamples\n"


def test_commands_of_a_page_share_a_folder(load, tmp_path: Path) -> None:
    """What one command writes, the next can read."""
    terminal = load("terminal_blocks").Terminal(tmp_path, DOCS.parent / "examples")
    assert terminal.run("echo kept > note", 80) == ""
    assert terminal.run("cat note   ", 80) == "kept\n"


def test_check_finds_a_stale_page(load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """--check names a stale page, shows how, exits with 1 and writes nothing; without it the page is made anew."""
    build = load("build")
    page = tmp_path / "page.md"
    stale = "```console\n$ echo new\nold\n```\n"
    page.write_text(stale, "utf-8")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    (tmp_path / "examples").mkdir()

    monkeypatch.setattr(sys, "argv", ["build.py", "--check", str(page)])
    assert build.main() == 1
    out = capsys.readouterr().out
    assert "stale  page.md" in out
    assert "-old\n+new\n" in out
    assert page.read_text("utf-8") == stale

    monkeypatch.setattr(sys, "argv", ["build.py", str(page)])
    assert build.main() == 0
    assert page.read_text("utf-8") == "```console\n$ echo new\nnew\n```\n"

    monkeypatch.setattr(sys, "argv", ["build.py", "--check", str(page)])
    assert build.main() == 0


def test_recording_tables_list_every_kind_of_line(load) -> None:
    """Each record kind gets a section, and each of its fields a row."""
    tables = load("recording_tables")
    page = tables.refresh(f"before\n{tables.BEGIN}stale\n{tables.END}after\n")
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "stale" not in page
    assert "### `pass_end`" in page
    assert "| `error` | `tuple[str, str] \\| None` | `None` |" in page
    assert "| `rows` | `list[MeasuredRow]` | `[]` |" in page
    assert "### Row: Stats" in page
    assert "| `Recorded` | `full`, `ledger` |" in page


def test_document_tables_list_every_key(load) -> None:
    """Each object gets a section, once, with its type and meaning; each kind its values with what they mean."""
    tables = load("document_tables")
    page = tables.refresh(f"before\n{tables.BEGIN}stale\n{tables.END}after\n")
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "stale\n" not in page
    assert page.count("### Finding\n") == page.count("### WhyDocument\n") == page.count("### CheckDocument\n") == 1
    assert "| `received` | [Statistics](#statistics) or null | The gradient that arrived" in page
    assert "| `moments` | object of values or null |" in page
    assert "| `norm` | number or null | The 2-norm. |" in page
    assert "| `outputs` | list of [NodeOutput](#nodeoutput), or absent |" in page
    assert "| `accumulated` | Added to what was there. |" in page
    assert "| `no_torch` | All: the program never imported torch" in page
    links = set(re.findall(r"\]\(#(\w+)\)", page))
    assert links <= {title.lower() for title in re.findall(r"(?m)^### (\w+)$", page)}


def test_the_page_for_python_says_what_the_verbs_are(load):
    """Its program prints what stands below it, and all that the package offers is on it."""
    page = (DOCS / "python.md").read_text("utf-8")
    verbs = load("python_verbs")
    assert {*verbs.VERBS, *verbs.OBJECTS, "__version__"} == {*gradtrace.__all__}
    assert verbs.refresh(page) == page

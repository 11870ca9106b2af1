"""Make the generated parts of README.md and docs/ anew, or check that they are fresh.

    python docs/build.py            rewrite what is stale
    python docs/build.py --check    change nothing; show what is stale and exit with 1 if anything is
    python docs/build.py FILE...    only these pages and pictures

Generated are the outputs of all terminal blocks (see `terminal_blocks.py`), the tables of the recording format and of
the JSON documents (see `recording_tables.py`, `document_tables.py`), the formulas (see `formula_catalogue.py`), the
rules (see `rule_pages.py`), the programs and answers of the worksheet (see `worksheet.py`), the functions for Python
(see `python_verbs.py`), the settings (see `settings_table.py`) and the pictures (see `pictures.py`).
"""

from __future__ import annotations

import argparse
import difflib
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import document_tables
import formula_catalogue
import pictures
import python_verbs
import recording_tables
import rule_pages
import settings_table
import terminal_blocks
import worksheet

ROOT = Path(__file__).resolve().parent.parent
BROKEN = ("gradtrace: internal error", "gradtrace: this process is not recorded")
"""Words that never belong on a page: what printed them is to be mended first."""

N_AT_ONCE = 2
"""Pages that are made at a time: most of the time goes into programs that import torch."""

IMAGES = ROOT / "docs" / "images"


def generated_files() -> list[Path]:
    """README.md, the pages of docs/ and its pictures, in order."""
    pages = sorted((ROOT / "docs").glob("*.md"))
    return [ROOT / "README.md", *pages, *(IMAGES / name for name in pictures.COMMANDS)]


def rebuilt(path: Path) -> bytes:
    """Return the content of a page or picture with all its generated parts made anew.

    Raises:
        RuntimeError: gradtrace itself failed in a command of the page.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, examples = Path(name) / "page", ROOT / "examples"
        if path.suffix == ".svg":
            return pictures.draw(path.name, folder, examples)
        terminal = terminal_blocks.Terminal(folder, examples)
        page = terminal_blocks.refresh(worksheet.refresh(path.read_text("utf-8"), terminal.run), terminal.run)
        if failed := [line for line in page.splitlines() if line.startswith(BROKEN)]:
            raise RuntimeError(f"{path.name}: {failed[0]}")
        for made in (recording_tables, document_tables, formula_catalogue, rule_pages, python_verbs, settings_table):
            page = made.refresh(page)
        return page.encode()


def difference(name: str, old: bytes, new: bytes) -> str:
    """Show what changes in a page; of a picture only that it does."""
    if name.endswith(".svg"):
        return ""
    before, after = (content.decode().splitlines(keepends=True) for content in (old, new))
    return "".join(difflib.unified_diff(before, after, name, "rebuilt"))


def main() -> int:
    """Rebuild or check; returns the exit status."""
    parser = argparse.ArgumentParser(description="Make the generated parts of the documentation anew.")
    parser.add_argument("--check", action="store_true", help="change nothing, exit with 1 when a part is stale")
    parser.add_argument("files", nargs="*", type=Path, help="only these pages and pictures")
    options = parser.parse_args()
    n_stale = 0
    paths = options.files or generated_files()
    with ProcessPoolExecutor(N_AT_ONCE) as pool:
        pages = pool.map(rebuilt, paths)
        for path, new in zip(paths, pages, strict=True):
            old = path.read_bytes() if path.exists() else b""
            name = str(path.resolve().relative_to(ROOT))
            print(f"{'fresh' if new == old else 'stale'}  {name}", flush=True)
            if new == old:
                continue
            n_stale += 1
            if options.check:
                print(difference(name, old, new), end="")
            else:
                path.write_bytes(new)
    if n_stale and options.check:
        print("Run `python docs/build.py` and commit what it changes.")
    return 1 if n_stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())

"""Make the generated parts of README.md and docs/ anew, or check that they are fresh.

    python docs/build.py            rewrite what is stale
    python docs/build.py --check    change nothing; show what is stale and exit with 1 if anything is
    python docs/build.py PAGE...    only these pages

Generated are the outputs of all terminal blocks (see `terminal_blocks.py`) and the tables of the recording format (see
`recording_tables.py`).
"""

from __future__ import annotations

import argparse
import difflib
import sys
import tempfile
from pathlib import Path

import recording_tables
import terminal_blocks

ROOT = Path(__file__).resolve().parent.parent


def pages() -> list[Path]:
    """README.md and the pages of docs/, in order."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def rebuilt(text: str) -> str:
    """Return the text of a page with all its generated parts made anew."""
    with tempfile.TemporaryDirectory() as folder:
        terminal = terminal_blocks.Terminal(Path(folder), ROOT / "examples")
        return recording_tables.refresh(terminal_blocks.refresh(text, terminal.run))


def main() -> int:
    """Rebuild or check; returns the exit status."""
    parser = argparse.ArgumentParser(description="Make the generated parts of the documentation anew.")
    parser.add_argument("--check", action="store_true", help="change nothing, exit with 1 when a part is stale")
    parser.add_argument("pages", nargs="*", type=Path, help="only these pages")
    options = parser.parse_args()
    n_stale = 0
    for page in options.pages or pages():
        old = page.read_text("utf-8")
        new = rebuilt(old)
        name = str(page.resolve().relative_to(ROOT))
        if new == old:
            print(f"fresh  {name}")
            continue
        n_stale += 1
        print(f"stale  {name}")
        if options.check:
            sys.stdout.writelines(
                difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), name, "rebuilt")
            )
        else:
            page.write_text(new, "utf-8")
    if n_stale and options.check:
        print("Run `python docs/build.py` and commit what it changes.")
    return 1 if n_stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())

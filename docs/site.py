"""Build the documentation as a site: the README as its first page, the pages of docs/, the examples.

    python docs/site.py [FOLDER]     into build/site, or another folder; needs the extra `docs`

What Sphinx makes of the Markdown is checked on the way: a link that leads nowhere, also to a heading, is an error.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CHAPTERS = {
    "Use": ("tutorial", "worksheet", "symptoms", "checks", "rules", "pictures", "memory", "formulas", "glossary"),
    "Where people work": ("command-line", "pytest", "notebooks", "python", "ranks", "ci", "agents"),
    "Formats": ("trace-document", "recording-format"),
    "How it works": ("architecture", "transparency", "performance", "found", "CONTRIBUTING", "CHANGELOG"),
}
"""The pages in the order of the site's table of contents; a page that is not written yet is left out."""

CONFIGURATION = """
project = "gradtrace"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "gradtrace"
myst_heading_anchors = 3
myst_enable_extensions = ["html_image"]
suppress_warnings = ["misc.highlighting_failure"]  # a terminal block is no language
highlight_language = "none"
"""


def prepare(folder: Path) -> None:
    """Lay out the sources of the site in an empty folder."""
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text("utf-8").replace("](../README.md", "](index.md").replace("](../examples/", "](examples/")
        (folder / page.name).write_text(_console(text.replace("](../examples)", "](examples/index.md)")), "utf-8")
    shutil.copytree(ROOT / "docs" / "images", folder / "images")
    _examples(folder / "examples")
    readme = (ROOT / "README.md").read_text("utf-8").replace("docs/", "").replace("](examples)", "](examples/index.md)")
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE")
    (folder / "index.md").write_text(f"{_console(readme)}\n{_contents(folder)}", "utf-8")
    (folder / "conf.py").write_text(CONFIGURATION, "utf-8")


def _console(text: str) -> str:
    """Terminal blocks name the width of their terminal, which no highlighter knows."""
    return re.sub(r"^```console( \d+)?$", "```text", text, flags=re.MULTILINE)


def _examples(folder: Path) -> None:
    shutil.copytree(ROOT / "examples", folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    programs = sorted(folder.glob("*.py"))
    for program in programs:
        text = f"# {program.name}\n\n```python\n{program.read_text('utf-8')}```\n"
        (folder / f"{program.stem}.md").write_text(text, "utf-8")
    names = "\n".join(program.stem for program in programs)
    (folder / "index.md").write_text(f"# Examples\n\n```{{toctree}}\n{names}\n```\n", "utf-8")


def _contents(folder: Path) -> str:
    parts = []
    for caption, pages in CHAPTERS.items():
        there = [page for page in pages if (folder / f"{page}.md").exists()]
        entries = "\n".join([*there, *(["examples/index"] if caption == "Use" else [])])
        parts.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n")
    return "\n".join(parts)


def main() -> None:
    """Build the site; ends with the status of Sphinx."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    with tempfile.TemporaryDirectory() as name:
        sources = Path(name) / "sources"
        sources.mkdir()
        prepare(sources)
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(sources), str(target)]
        status = subprocess.run(command, check=False).returncode
    if not status:
        print(f"the site is in {target}")
    sys.exit(status)


if __name__ == "__main__":
    main()

"""No file of the project names the machine on which it was written."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXTS = {".py", ".md", ".toml", ".ts", ".json", ".sh", ".yml", ".html", ".css", ".svg", ""}
MACHINE = re.compile(r"(?<![\w.:])/(?:home|root|work|Users|opt)/(?!me/|you/)\w")


def tracked_files() -> list[Path]:
    """All files under version control, or all files when this is no checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is not a checkout")
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.suffix in TEXTS and path.is_file()]


def test_no_file_names_a_folder_of_one_machine() -> None:
    """Paths on the machine of an author mean nothing to anybody else; made-up ones belong to `me` or `you`."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked_files()
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert found == []

"""What is installed is what is here."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_wheel_holds_the_whole_package(tmp_path: Path) -> None:
    """Every file of the package is in the wheel, also those that no import finds: bootstrap, types marker, data."""
    code = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("gradtrace/")}
        entry_points = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert b"gradtrace = gradtrace.__main__:main" in archive.read(entry_points)
    here = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "gradtrace").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == here
    assert "gradtrace/launch/bootstrap/sitecustomize.py" in packed
    assert "gradtrace/py.typed" in packed

"""What is imported when: the command line answers before anything heavy is loaded."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "rich", "msgspec", "yaml", "sympy")

REPORT = """
import sys
sys.argv = ["gradtrace", *{words!r}]
try:
    from gradtrace.__main__ import main
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    print("LOADED", *(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""


def loaded(code: str) -> list[str]:
    """Which of the heavy packages a fresh interpreter has loaded after running this."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("LOADED")]
    return line.split()[1:]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["explain", "--help"], ["render", "--help"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    """Help and version come without torch, rich or msgspec."""
    assert loaded(REPORT.format(words=words, heavy=HEAVY)) == []


def test_package_loads_nothing_heavy() -> None:
    """`import gradtrace` costs next to nothing; the verbs load what they need when they are used."""
    code = (
        f"import sys, gradtrace\nprint('LOADED', *(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)"
    )
    assert loaded(code) == []


def test_looking_at_a_recording_needs_no_torch() -> None:
    """The whole command line can be imported without torch."""
    code = (
        "import sys, pkgutil, importlib\n"
        "sys.modules['torch'] = None\n"
        "import gradtrace.cli, gradtrace.renderers, gradtrace.analysis, gradtrace.recording\n"
        "for room in (gradtrace.cli, gradtrace.renderers, gradtrace.analysis, gradtrace.recording):\n"
        "    for module in pkgutil.iter_modules(room.__path__, room.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "print('LOADED', file=sys.stderr)\n"
    )
    assert loaded(code) == []

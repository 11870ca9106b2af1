"""What is imported when: the command line answers before anything heavy is loaded."""

import re
import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "rich", "msgspec", "yaml", "sympy", "pydantic")

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


AT_THE_START = """
import os, sys
sys.argv = ["gradtrace", *{words!r}]

def see(event, details):
    if event == "os.posix_spawn" and not any("witness_process" in str(word) for word in details[1]):
        print("LOADED", *sys.modules, file=sys.stderr, flush=True)
        os._exit(0)

sys.addaudithook(see)
from gradtrace.__main__ import main
main()
"""
"""Ends where the program would be started."""

MEANWHILE = """
import os, signal, sys
sys.argv = ["gradtrace", *{words!r}]
from gradtrace.launch import process

def wait(child, session):
    print("LOADED", *sys.modules, file=sys.stderr, flush=True)
    os.kill(child._pid, signal.SIGKILL)
    os._exit(0)

process._Child.wait = wait
from gradtrace.__main__ import main
main()
"""
"""Ends where nothing is left to do but to wait for the program."""

EARLY = re.compile(
    r"gradtrace(\.(__main__|errors|files|suggest|version|(cli|launch)(\..+)?|formulas(\.user_cache)?|renderers(\.registry|\.view_options)?"
    r"|diagnosis(\.all_needs|\.selection)?|project(\.find)?|model(\.excerpt|\.format|\.kinds|\.location|\.needs|\.run_options)?))?"
)
"""What may be loaded before the program is started: what reads the command line, and no more."""


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


def test_the_pytest_plugin_loads_nothing_of_ours_but_itself() -> None:
    """Every run of pytest imports it: it costs next to nothing."""
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport gradtrace.integrations.pytest_plugin\n"
        "print('LOADED', *(set(sys.modules) - before), file=sys.stderr)"
    )
    ours = {"gradtrace", "gradtrace.version", "gradtrace.integrations", "gradtrace.integrations.pytest_plugin"}
    assert set(loaded(code)) - {"__future__"} == ours


def test_looking_at_a_recording_needs_no_torch() -> None:
    """The whole command line can be imported without torch."""
    code = (
        "import sys, pkgutil, importlib\n"
        "sys.modules['torch'] = None\n"
        "import gradtrace.cli, gradtrace.renderers, gradtrace.analysis, gradtrace.recording\n"
        "for room in (gradtrace.cli, gradtrace.renderers, gradtrace.analysis, gradtrace.recording):\n"
        "    for module in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
        "print('LOADED', file=sys.stderr)\n"
    )
    assert loaded(code) == []


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "w*w*y", "w=0.5", "y=2.0"],
        ["render", "w*w*y", "w=0.5", "y=2.0"],
        ["render", "-o", "net.svg", "--seed", "1", "--pass", "2", "-c", "pass"],
        ["check", "--severity", "info", "--stop-after", "3", "-c", "pass"],
        ["why", "w*w*y", "w=0.5", "y=2.0", "w"],
        ["record", "-c", "pass"],
    ],
    ids=" ".join,
)
def test_the_program_is_started_before_what_shows_it_is_loaded(words: list[str]) -> None:
    """Python takes longer to import torch than we take for all our modules: ours wait until it is at it."""
    names = loaded(AT_THE_START.format(words=words))
    assert "gradtrace.launch.process" in names
    ours = [name for name in names if name.partition(".")[0] in ("gradtrace", *HEAVY) and name[:8] != "pydantic"]
    assert [name for name in ours if not EARLY.fullmatch(name)] == []
    assert not {"rich", "pydantic", "tempfile"} & {*names}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["explain", "w*w*y", "w=0.5", "y=2.0"], {"renderers.explain.explanation", "formulas.symbolic"}),
        (["render", "-o", "net.svg", "-c", "pass"], {"renderers.picture.pictures", "diagnosis.registry"}),
        (["check", "-c", "pass"], {"renderers.findings.full", "diagnosis.registry"}),
        (["why", "-c", "pass", "w"], {"renderers.why.reason", "analysis.reasons"}),
        (["record", "-c", "pass"], set()),
    ],
    ids=["explain", "render", "check", "why", "record"],
)
def test_what_shows_a_program_is_loaded_while_it_starts(words: list[str], wanted: set[str]) -> None:
    """And nobody waits for it when the program has ended."""
    assert {f"gradtrace.{name}" for name in {*wanted, "recording.load"}} <= {*loaded(MEANWHILE.format(words=words))}


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["explain", "w*w*y", "w=0.5", "y=2.0"], {"msgspec", "rich", "sympy"}),
        (["explain", "(w*w).sum()", "w=ones(3)"], {"msgspec", "rich"}),
        (["explain", "-f", "json", "w*w", "w=0.5"], {"msgspec", "pydantic"}),
        (["render", "-f", "dot", "w*w", "w=0.5"], {"msgspec", "pydantic"}),
    ],
    ids=["closed form", "no scalars", "document", "picture"],
)
def test_algebra_is_loaded_for_closed_forms_alone(words: list[str], heavy: set[str]) -> None:
    """SymPy is the heaviest of ours, and is there only where a formula is shown; torch is the program's business."""
    assert {*loaded(REPORT.format(words=words, heavy=HEAVY))} <= heavy


def test_the_recorder_makes_no_classes_for_readers() -> None:
    """The program waits for the recorder to be imported, which needs the vocabulary and none of what is read back."""
    code = (
        "import sys, torch\nfrom gradtrace import recorder\n"
        "print('LOADED', *(name for name in sys.modules if name.startswith('gradtrace.model.')), file=sys.stderr)"
    )
    names = {name.removeprefix("gradtrace.model.") for name in loaded(code)}
    assert names <= {"blind_spot", "excerpt", "format", "kinds", "location", "needs", "run_options"}


def test_the_end_of_the_command_line_is_quick() -> None:
    """Python looks for garbage once more when it ends, among all that sympy has made: not where it is frozen."""
    code = (
        "import gc, sys\nsys.argv = ['gradtrace', '--version']\n"
        "from gradtrace.__main__ import main\nmain()\n"
        "print('LOADED', *(['frozen'] if gc.get_freeze_count() else []), file=sys.stderr)"
    )
    assert loaded(code) == ["frozen"]

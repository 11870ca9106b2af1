"""Makes the modules that tests share (`builders`, `tape`) importable from every test file."""

import os
import signal
import sys
from pathlib import Path

os.environ.pop("VIRTUAL_ENV", None)  # programs run in the environment of the tests, whatever else is active

sys.path.insert(0, str(Path(__file__).parent))

# Each worker has a core: threads that wait for each other cost more than they save.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A job in the background, or under nohup, begins with these ignored, and the programs that the tests run would too.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


def pytest_terminal_summary(terminalreporter):
    """Shows what tests recorded as their `summary`: counts that a reader of the output wants to see."""
    for report in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", []):
        for name, text in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {text}")

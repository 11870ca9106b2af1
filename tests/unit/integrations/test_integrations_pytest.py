"""The pytest plugin, on a whole suite: which tests fail, what is said of them, and what travels to reports."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest
import shared_recordings

SUITE = Path(__file__).parents[2] / "programs" / "pytest_suite.py"
PLUGIN = ("-p", "gradtrace.integrations.pytest_plugin")
ROOT = "error[sqrt-at-zero]: `sqrt` of 0 makes the gradient NaN: its derivative there is infinite"


@dataclass(frozen=True)
class Ran:
    """A run of pytest: its status, what it printed, and its JUnit report."""

    status: int
    output: str
    junit: str

    def outcome(self, name: str) -> str:
        """The word that pytest prints for a test."""
        (word,) = re.findall(rf"^\S*::{re.escape(name)} (\w+)", self.output, re.MULTILINE)
        return word

    def told(self, name: str) -> str:
        """What is printed about a test that failed."""
        parts = re.split(r"^_{3,} (?:ERROR at setup of )?(\S+) _{3,}$", self.output, flags=re.MULTILINE)
        return dict(zip(parts[1::2], parts[2::2], strict=True))[name].partition("\n====")[0]

    def properties(self, name: str) -> list[str]:
        """What the report says that gradtrace found in a test."""
        (case,) = [case for case in ET.fromstring(self.junit).iter("testcase") if case.get("name") == name]
        return [one.get("value") for one in case.iter("property") if one.get("name") == "gradtrace"]


def run(folder: Path, *words: str, command: tuple[str, ...] = (sys.executable, "-m", "pytest")) -> Ran:
    """Run the suite in a folder of its own."""
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", "utf-8")
    junit = folder / "junit.xml"
    options = ("-v", "--color=no", "--rootdir", str(folder), "-c", str(folder / "pytest.ini"), "-p", "no:cacheprovider")
    done = subprocess.run(  # noqa: PLW1510 - its status is what a test asks for
        [*command, *PLUGIN, *options, str(SUITE), f"--junitxml={junit}", *words],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, done.stdout + done.stderr, junit.read_text("utf-8") if junit.exists() else "")


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """The suite with `--gradtrace`."""
    folder = shared_recordings.shared_folder(tmp_path_factory) / "pytest_failing"
    return shared_recordings.once("pytest_failing", lambda: run(folder, "--gradtrace"), tmp_path_factory)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("test_sound", "PASSED"),
        ("test_forgets_to_clear", "GRADTRACE"),
        ("test_with_parameters[1]", "GRADTRACE"),
        ("test_with_parameters[2]", "GRADTRACE"),
        ("test_a_fixture_is_not_the_test", "PASSED"),
        ("test_comment", "PASSED"),
        ("test_mark_that_ignores", "PASSED"),
        ("test_milder", "PASSED"),
        ("test_mark_of_a_class", "GRADTRACE"),
        ("test_nearest_mark_counts", "PASSED"),
        ("test_mark_with_a_slip", "ERROR"),
        ("test_mark_with_an_unknown_argument", "ERROR"),
        ("test_that_records_by_itself", "PASSED"),
        ("test_expects_an_exception", "PASSED"),
        ("test_dies", "FAILED"),
        ("test_expected_to_fail", "XFAIL"),
        ("test_expected_to_fail_for_certain", "XFAIL"),
        ("test_of_unittest", "GRADTRACE"),
        ("test_of_unittest_that_dies", "FAILED"),
        ("test_async", "GRADTRACE"),
        ("test_block_in_a_recorded_test", "PASSED"),
        ("test_without_torch", "PASSED"),
    ],
)
def test_tests_fail_for_what_is_wrong_in_them(failing: Ran, name: str, outcome: str):
    """A test fails for an error in its gradients, if nothing says otherwise; an expected failure is one."""
    assert failing.outcome(name) == outcome


def test_a_failure_says_what_and_where_and_the_section_how_to_mend_it(failing: Ran):
    """The failure is one line; the section shows the source and the fix; the summary has the letter's word."""
    told = failing.told("test_forgets_to_clear")
    said = "error[zero-grad-forgotten]: gradients of encoder.weight and 3 others are never cleared between steps"
    assert re.search(rf"^The test passed, and .*:\n\S*pytest_suite\.py:29:9: {re.escape(said)}$", told, re.MULTILINE)
    assert re.search(r"^-+ gradtrace -+$", told, re.MULTILINE)
    assert "29 |         net(torch.ones(2, 4)).pow(2).mean().backward()" in told
    assert "= help: Call `optimizer.zero_grad()`" in told
    assert re.search(
        r"^GRADTRACE \S*::test_forgets_to_clear - error\[zero-grad-forgotten\]", failing.output, re.MULTILINE
    )


def test_an_exception_is_explained_beside_it(failing: Ran):
    """A test that failed by itself stays as it is, and its section says what is behind the exception."""
    assert "RuntimeError: Trying to backward through the graph a second time" in failing.told("test_dies")
    assert "error[backward-twice-shared-graph]" in failing.told("test_dies")
    assert "error[nonscalar-backward]" in failing.told("TestOfUnittest.test_of_unittest_that_dies")


def test_a_mark_that_means_nothing_is_an_error(failing: Ran):
    """A rule that does not exist, an argument that there is not: said with what was meant, and nothing else."""
    assert failing.told("test_mark_with_a_slip").strip() == (
        "@pytest.mark.gradtrace: there is no rule 'sqrt-at-zeero'; did you mean sqrt-at-zero or second-derivative-zero"
        " or stale-optimizer? All of them: gradtrace rule --list"
    )
    assert failing.told("test_mark_with_an_unknown_argument").strip() == (
        "@pytest.mark.gradtrace: it has no argument 'records': it takes ignore, severity, record"
    )


def test_the_end_counts_what_was_found_and_what_does_not_count(failing: Ran):
    """Warnings that do not count are not passed over in silence."""
    assert re.search(
        r"^2 warnings in 2 tests do not count: --gradtrace-severity warning counts them$", failing.output, re.MULTILINE
    )
    assert re.search(r"^10 findings in 10 tests of 19 that were recorded$", failing.output, re.MULTILINE)
    assert failing.status == 1


def test_the_junit_report_has_the_findings(failing: Ran):
    """Each finding is a property of its test, and the message of the failure."""
    (said,) = failing.properties("test_async")
    assert said.endswith(f"pytest_suite.py:41:5: {ROOT}")
    assert failing.properties("test_sound") == []


def test_workers_tell_the_controller_and_warnings_fail_nothing(tmp_path: Path):
    """With xdist and --gradtrace-warn all tests pass, and the controller lists what was found and reports it."""
    words = ("-p", "xdist", "-n", "1", "--gradtrace-warn", "-k", "test_async or test_sound")
    ran = run(tmp_path / "suite", *words)
    assert ran.status == 0, ran.output
    assert re.search(rf"::test_async: \S*pytest_suite\.py:41:5: {re.escape(ROOT)}$", ran.output, re.MULTILINE)
    assert "1 finding in 1 test of 2 that were recorded" in ran.output
    assert len(ran.properties("test_async")) == 1


def test_inside_another_recording_that_one_is_borrowed(tmp_path: Path):
    """Under `gradtrace record -m pytest` tests are judged by its recording, and it is said that they are."""
    recorded = tmp_path / "run.gtrace"
    command = (sys.executable, "-m", "gradtrace", "record", "-q", "--facts", "--passes", "all", "-o", str(recorded))
    words = ("--gradtrace", "-k", "test_async or test_sound or test_block")
    ran = run(tmp_path / "suite", *words, command=(*command, "-m", "pytest", "--"))
    assert (ran.outcome("test_async"), ran.outcome("test_sound")) == ("GRADTRACE", "PASSED"), ran.output
    assert ran.outcome("test_block_in_a_recorded_test") == "PASSED"
    assert "another gradtrace records this whole run" in ran.output
    assert recorded.exists()
    assert ran.status == 1

"""What a project settles in its pyproject.toml."""

from pathlib import Path

import pytest

from gradtrace.diagnosis.selection import settled
from gradtrace.errors import UsageError
from gradtrace.project import find_settings
from gradtrace.project.settings import ProjectSettings, keys, meaning

ALL = """\
[tool.gradtrace]
passes = 100
level = "full"
device = "cuda:1"
seed = 3
dtype = "float64"
stop-after = 20
timeout = 5
root = ["loss"]
format = "json"
select = ["zero-grad-forgotten"]
ignore = ["detach-midgraph"]
severity = "error"
baseline = "k.json"
exit-zero = true
"""


def settings(tmp_path: Path, text: str) -> ProjectSettings | None:
    """What is found from a folder whose own pyproject.toml has no table."""
    (tmp_path / "pyproject.toml").write_text(text, "utf-8")
    below = tmp_path / "src" / "net"
    below.mkdir(parents=True)
    (below / "pyproject.toml").write_text("[project]\nname = 'gradtrace-user'\n", "utf-8")
    (below.parent / "pyproject.toml").write_text("not toml, and none of our business", "utf-8")
    (below / "deeper" / "pyproject.toml").mkdir(parents=True)
    return find_settings(below / "deeper")


def test_settings_come_from_the_nearest_table(tmp_path: Path) -> None:
    """A pyproject.toml without a table is passed by; the baseline lies beside the file."""
    found = settings(tmp_path, ALL)
    assert found == ProjectSettings(
        file=tmp_path / "pyproject.toml",
        passes=100,
        level="full",
        device="cuda:1",
        seed=3,
        dtype="float64",
        stop_after=20,
        timeout=5.0,
        root=("loss",),
        format="json",
        select=("zero-grad-forgotten",),
        ignore=("detach-midgraph",),
        severity="error",
        baseline="k.json",
        exit_zero=True,
    )
    assert found.baseline_file == tmp_path / "k.json"
    assert {line.split(" = ")[0] for line in ALL.splitlines()[1:]} == {*keys().values()}


def test_an_empty_table_settles_nothing(tmp_path: Path) -> None:
    """It ends the search all the same."""
    found = settings(tmp_path, "[tool.gradtrace]\n")
    assert found == ProjectSettings(file=tmp_path / "pyproject.toml")
    assert found.baseline_file is None


def test_every_key_says_what_it_must_be() -> None:
    """In the words of an error, and of the page that lists them."""
    types = ProjectSettings.__annotations__
    assert all(meaning(types[name]) for name in keys())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("selekt = []", "[tool.gradtrace] has a key 'selekt'; did you mean select?"),
        ("exit_zero = true", "[tool.gradtrace] has a key 'exit_zero'; did you mean exit-zero?"),
        ("colour = 1", "[tool.gradtrace] has a key 'colour'; it may have passes, level, device, seed, "),
        ("python = 'python3'", "a key 'python'; a file never chooses what is executed: give --python"),
        ("quiet = true", "a key 'quiet'; it is for one command: give -q"),
        ("select = 'a'", 'select in [tool.gradtrace] must be a list of names of rules, not "a"'),
        ("ignore = [1]", "ignore in [tool.gradtrace] must be a list of names of rules, not [1]"),
        ("severity = 'eror'", 'must be one of error, warning, info, not "eror"; did you mean error?'),
        ("exit-zero = 1", "must be true or false, not 1"),
        ("baseline = 3", "must be the name of a file, not 3"),
        ("passes = true", 'passes in [tool.gradtrace] must be passes, such as "1-3", 100, "all" or "last", not true'),
        ("level = 'ful'", 'must be one of structure, default, full, not "ful"; did you mean full?'),
        ("dtype = 'float23'", "did you mean float32?"),
        ("seed = '3'", 'seed in [tool.gradtrace] must be a whole number from -2**63 to 2**64 - 1, not "3"'),
        (f"seed = {2**64}", "must be a whole number from -2**63 to 2**64 - 1, not 18446744073709551616"),
        (f"seed = {-(2**63) - 1}", "must be a whole number from -2**63 to 2**64 - 1"),
        ("stop-after = 0", "must be a number of passes from 1 on, not 0"),
        ("timeout = 0", "must be a number of seconds above 0, not 0"),
        ("timeout = nan", "must be a number of seconds above 0"),
        ("root = 'loss'", "must be a list of names of tensors"),
        ("device = 2026-01-01", 'must be a device, such as "cpu" or "cuda:1", not "2026-01-01"'),
        ("= 3", "cannot read"),
        ("passes = 1\npasses = 2", "cannot read"),
    ],
)
def test_wrong_settings_are_errors(tmp_path: Path, table: str, message: str) -> None:
    """The error names the file, the key, what it may be, and what may have been meant."""
    with pytest.raises(UsageError) as caught:
        settings(tmp_path, f"[tool.gradtrace]\n{table}\n")
    assert message in str(caught.value)
    assert str(tmp_path / "pyproject.toml") in str(caught.value)


def test_what_is_no_table_is_an_error(tmp_path: Path) -> None:
    """Of our own key; of another tool's key it is none of our business."""
    with pytest.raises(UsageError, match=r"tool.gradtrace is no table"):
        settings(tmp_path, "[tool]\ngradtrace = 1\n")
    (tmp_path / "pyproject.toml").write_text("tool = 'gradtrace'", "utf-8")
    assert find_settings(tmp_path) is None


@pytest.mark.parametrize("key", ["select", "ignore"])
def test_names_of_rules_are_looked_up(tmp_path: Path, key: str) -> None:
    """With the file and the key, since they do not stand on the command line."""
    found = settings(tmp_path, f"[tool.gradtrace]\n{key} = ['zero-grad-forgoten']\n")
    with pytest.raises(UsageError) as caught:
        settled(found)
    said = f"{key} in [tool.gradtrace]: there is no rule 'zero-grad-forgoten'; did you mean zero-grad-forgotten"
    assert f"{tmp_path / 'pyproject.toml'}: {said}" in str(caught.value)

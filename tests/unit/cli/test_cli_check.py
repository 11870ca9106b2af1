"""`gradtrace check` and `gradtrace rule`, as they are called."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from gradtrace.cli.main import main

FORGETFUL = """\
import torch
w = torch.ones(3, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.1)
for step in range(4):
    loss = (w * w).sum()
    loss.backward()
    opt.step()
print("trained")
"""
CAREFUL = FORGETFUL.replace("    loss = ", "    opt.zero_grad()\n    loss = ")
BACKWARD = "    loss.backward()"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Runs `gradtrace check -q train.py` with more words on a program; gives status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def check(source: str, *words: str) -> tuple[int, str, str]:
        (tmp_path / "train.py").write_text(source, "utf-8")
        status = main(["check", "-q", "train.py", *words])
        out, err = capfd.readouterr()
        return status, out, err

    return check


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wrong program and its recording."""
    folder = tmp_path_factory.mktemp("forgetful")
    (folder / "train.py").write_text(FORGETFUL, "utf-8")
    assert main(["record", "--facts", "-q", str(folder / "train.py"), "-o", str(folder / "train.gtrace")]) == 0
    return folder


@pytest.fixture
def look(forgetful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Runs `gradtrace check train.gtrace` with more words on its recording; gives status, stdout and stderr."""
    shutil.copytree(forgetful, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)

    def check(*words: str) -> tuple[int, str, str]:
        status = main(["check", "train.gtrace", *words])
        out, err = capfd.readouterr()
        return status, out, err

    return check


def test_wrong_program_is_told(run) -> None:
    """Status 1; the program's own output, then the finding with its lines, and no colours in a pipe."""
    status, out, err = run(FORGETFUL)
    assert (status, err) == (1, "")
    assert out.startswith("trained\nerror[zero-grad-forgotten]: ")
    assert " --> train.py:6:5\n  |\n6 |     loss.backward()\n  |     ^^^^^^^^^^^^^^^" in out
    assert "= help: " in out
    assert out.endswith("Found 1 error.\nTo read more about one: gradtrace rule zero-grad-forgotten\n")
    assert "\x1b" not in out


def test_right_program_is_left_alone(run) -> None:
    """Status 0, and one line that says so."""
    assert run(CAREFUL) == (0, "trained\nFound nothing wrong in 4 passes.\n", "")


def test_failing_program_keeps_its_status(run) -> None:
    """What was found up to there is printed all the same."""
    status, out, err = run(FORGETFUL + "raise SystemExit(7)\n")
    assert status == 7
    assert "error[zero-grad-forgotten]" in out
    assert err == ""


@pytest.mark.parametrize("name", ["concise", "json", "sarif", "github", "junit"])
def test_machine_formats_stand_alone(run, name: str) -> None:
    """What the program prints goes to stderr."""
    status, out, err = run(FORGETFUL, "-f", name)
    assert (status, err) == (1, "trained\n")
    assert "zero-grad-forgotten" in out
    assert "trained" not in out


def test_json_is_small_and_holds_the_whole_trace_where_asked(look) -> None:
    """What was found and in how much, in a few kilobytes; `--graphs` adds everything else that was seen."""
    text = look("-f", "json")[1]
    document = json.loads(text)
    assert len(text) < 4_000
    assert document["verdict"]["answer"] == "found"
    assert document["counts"]["errors"] == len(document["findings"]) == 1
    (finding,) = document["findings"]
    assert finding["rule"] == "zero-grad-forgotten"
    assert [leaf["id"] for leaf in document["leaves"]] == finding["leaves"]

    whole = json.loads(look("-f", "json", "--graphs")[1])
    trace = whole.pop("trace")
    assert whole == document
    assert trace["format"] == "gradtrace-trace"
    assert trace["findings"] == document["findings"]
    assert [len(one["graph"]["nodes"]) > 0 for one in trace["passes"]] == [True] * document["counts"]["passes"]


def test_graphs_are_refused_where_a_format_has_none(run) -> None:
    """Before anything runs."""
    assert run(FORGETFUL, "--graphs") == (2, "", "gradtrace: error: --graphs means nothing to the format full\n")


def test_suffix_names_the_format(run, tmp_path: Path) -> None:
    """With -o the output of the program stays on stdout."""
    status, out, _ = run(FORGETFUL, "-o", "found.sarif")
    assert (status, out) == (1, "trained\n")
    assert json.loads((tmp_path / "found.sarif").read_text("utf-8"))["version"] == "2.1.0"


def test_rules_can_be_chosen(look) -> None:
    """On the command line, by --select, --ignore and --severity."""
    assert look("--ignore", "zero-grad-forgotten")[0] == 0
    assert look("--select", "detach-midgraph,unused-ignore")[0] == 0
    assert look("--select", "zero-grad-forgotten", "--severity", "error")[0] == 1


def test_unknown_rule_is_an_error_before_anything_runs(run) -> None:
    """Status 2, with what may have been meant."""
    status, out, err = run(FORGETFUL, "--ignore", "zero-grad-forgoten")
    assert (status, out) == (2, "")
    assert err.startswith("gradtrace: error: there is no rule 'zero-grad-forgoten'; did you mean zero-grad-forgotten")


def test_comment_silences(run) -> None:
    """On the line of the finding; one that silences nothing is told to those who ask for more."""
    comment = "  # gradtrace: ignore[zero-grad-forgotten]"
    assert run(FORGETFUL.replace(BACKWARD, BACKWARD + comment))[0] == 0
    status, out, _ = run(CAREFUL.replace(BACKWARD, BACKWARD + comment), "-v", "-f", "concise")
    assert status == 0
    assert out == (
        "train.py:7:22: info[unused-ignore]: this comment silences zero-grad-forgotten, which finds nothing here\n"
    )


def test_settings_of_the_project(look, tmp_path: Path) -> None:
    """They are found beside the target; a wrong key is an error."""
    settings = tmp_path / "pyproject.toml"
    settings.write_text('[tool.gradtrace]\nignore = ["zero-grad-forgotten"]\n', "utf-8")
    assert look()[0] == 0
    settings.write_text("[tool.gradtrace]\nexit-zero = true\n", "utf-8")
    status, out, _ = look()
    assert (status, "error[zero-grad-forgotten]" in out) == (0, True)
    settings.write_text("[tool.gradtrace]\nignored = []\n", "utf-8")
    status, out, err = look()
    assert (status, out) == (2, "")
    assert "has a key 'ignored'; did you mean ignore?" in err


def test_baseline(run, tmp_path: Path) -> None:
    """What was written is known from then on, also when its line moves; what is new is told."""
    assert run(FORGETFUL, "--baseline", "known.json")[0] == 2
    assert run(FORGETFUL, "--baseline", "known.json", "--write-baseline")[0] == 0
    assert (tmp_path / "known.json").exists()
    status, out, _ = run("# moved\n" + FORGETFUL, "--baseline", "known.json")
    assert (status, out) == (0, "trained\nFound nothing wrong in 4 passes.\n")
    assert run(FORGETFUL.replace(BACKWARD, "    (1 * loss).backward()"), "--baseline", "known.json")[0] == 1


def test_what_a_baseline_leaves_out_is_counted(look) -> None:
    """When it is written, and when it is read."""
    status, _, err = look("--baseline", "known.json", "--write-baseline")
    assert (status, "gradtrace: 1 finding is known from now on: " in err) == (0, True)
    assert "gradtrace: 1 finding is known from the baseline, and left out\n" in look("--baseline", "known.json")[2]


def test_baseline_needs_a_name(run) -> None:
    """Before anything runs."""
    status, out, err = run(FORGETFUL, "--write-baseline")
    assert (status, out) == (2, "")
    assert err == "gradtrace: error: --write-baseline writes the file that --baseline names: give both\n"


def test_program_without_torch_is_no_success(run) -> None:
    """Nothing was checked."""
    assert run("print(1)\n") == (2, "1\nCould not look: the program never imported torch.\n", "")


def test_page_of_a_rule(capfd: pytest.CaptureFixture[str]) -> None:
    """On stdout, plain in a pipe."""
    assert main(["rule", "unused-ignore"]) == 0
    out = capfd.readouterr().out
    assert out.startswith("unused-ignore (info)\n  A comment silences findings where there are none.\n\nWhat it does\n")
    assert "\x1b" not in out


def test_example_of_a_rule(capfd: pytest.CaptureFixture[str]) -> None:
    """The program alone, to be run."""
    assert main(["rule", "unused-ignore", "--example"]) == 0
    out = capfd.readouterr().out
    assert out.startswith("import torch\n")
    compile(out, "example", "exec")


def test_list_of_rules(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each in a pipe of which no width is known."""
    from gradtrace.diagnosis.registry import RULES

    monkeypatch.delenv("COLUMNS", raising=False)
    capfd.readouterr()
    assert main(["rule", "--list"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [re.split(r" {2,}", line)[0] for line in lines] == [rule.name for rule in RULES]


@pytest.mark.parametrize("words", [[], ["unused-ignore", "--list"]])
def test_one_rule_or_the_list(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Neither and both are usage errors."""
    assert main(["rule", *words]) == 2
    assert (
        capfd.readouterr().err
        == "gradtrace: error: say which rule, --search for words on its page, or --list for all of them\n"
    )


def test_unknown_page(capfd: pytest.CaptureFixture[str]) -> None:
    """With names that are close."""
    assert main(["rule", "zero_grad_forgotten"]) == 2
    assert "did you mean zero-grad-forgotten" in capfd.readouterr().err


def test_recording_with_facts_is_checked_and_shown(look, capfd) -> None:
    """`check` reads it without running anything; `explain` and the tree end with the findings."""
    assert "/train.py:6:5: error[zero-grad-forgotten]: " in look("-f", "concise")[1]
    for words in (["explain"], ["render", "-f", "tree"]):
        assert main([*words, "train.gtrace"]) == 0
        assert "\n\nerror[zero-grad-forgotten]: " in capfd.readouterr().out


def test_recording_without_facts_is_said_to_be_poor(tmp_path: Path, monkeypatch, capfd) -> None:
    """Rules that need more can find nothing in it: status 2, unless others do; the story is told as ever."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(FORGETFUL, "utf-8")
    assert main(["record", "-q", "train.py"]) == 0
    assert main(["check", "train.gtrace"]) == 1
    assert "Not all was looked at: the recording was made without facts" in capfd.readouterr().out
    assert main(["check", "train.gtrace", "--ignore", "zero-grad-forgotten"]) == 2
    assert capfd.readouterr().out == (
        "Found nothing in 4 passes, but could not look at everything: the recording was\n"
        "made without facts, which most rules need. Record with --facts, or run\n"
        "`gradtrace check` on the program itself.\n"
    )
    assert main(["explain", "train.gtrace"]) == 0
    assert "error[" not in capfd.readouterr().out

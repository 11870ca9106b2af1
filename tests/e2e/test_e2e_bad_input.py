"""What bad input gets: a clear error, the right status, no traceback of ours, and nothing lost."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

GRADTRACE = [sys.executable, "-m", "gradtrace"]

LEAF = "import torch\nw = torch.ones(2, requires_grad=True)\n"


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def gradtrace(*words, **options):
    done = subprocess.run([*GRADTRACE, *words], capture_output=True, text=True, check=False, timeout=200, **options)
    assert "gradtrace/cli" not in done.stderr
    assert "internal error" not in done.stderr
    return done


def script(code, name="train.py"):
    Path(name).write_text(textwrap.dedent(code))
    return name


def refusal(*words):
    """The error of a command that must refuse with status 2 before it prints or writes anything."""
    before = sorted(Path().iterdir())
    done = gradtrace(*words)
    assert (done.returncode, done.stdout, sorted(Path().iterdir())) == (2, "", before)
    return done.stderr


@pytest.mark.parametrize("command", ["explain", "render", "record"])
def test_a_missing_file_with_the_one_that_was_meant(command):
    """Close names are offered."""
    script(LEAF, "train.py")
    assert refusal(command, "trian.py") == "gradtrace: error: there is no file trian.py; did you mean train.py?\n"


def test_a_directory_that_cannot_be_run():
    """It says what is missing in it."""
    Path("package").mkdir()
    assert "package has no __main__.py" in refusal("explain", "package")


def test_a_syntax_error_in_an_expression_has_a_caret():
    """Below the place."""
    assert refusal("explain", "w * +", "w=1") == (
        "gradtrace: error: the expression cannot be read: invalid syntax\n    w * +\n         ^\n"
    )


def test_an_unknown_name_is_shown_and_how_to_define_it():
    """With a caret below it."""
    error = refusal("explain", "w * q", "w=1")
    assert "there is no name 'q'" in error
    assert "q=0.5" in error
    assert "    w * q\n        ^\n" in error


def test_an_unknown_device_lists_those_that_exist():
    """Before anything of the program runs."""
    error = refusal("explain", "w*w", "w=1", "--device", "abacus")
    assert "abacus" in error
    assert "devices: cpu" in error


def test_an_unknown_format_lists_those_that_exist():
    """All of them."""
    error = refusal("render", "w*w", "w=1", "-f", "gif")
    assert "choose tree, dot, svg, png, pdf, mermaid, html, json" in error


def test_an_output_that_cannot_be_written_is_refused_before_the_run():
    """The program would have run for nothing."""
    error = refusal("render", script("print('ran')"), "-o", "nowhere/net.svg")
    assert error.startswith("gradtrace: error: cannot write ")
    assert error.endswith("nowhere; nothing was run\n")


def test_without_a_converter_the_recording_is_kept_and_named():
    """And the message says how to install it."""
    Path("typst.py").write_text("raise ImportError('as if it were not installed')", "utf-8")
    hidden = {
        **os.environ,
        "PATH": "/nowhere",
        "PYTHONPATH": str(Path.cwd()),
        "XDG_CACHE_HOME": str(Path("caches").absolute()),
    }
    done = gradtrace("render", "w*w", "w=1", "-o", "net.pdf", env=hidden)

    assert done.returncode == 2
    assert "install" in done.stderr
    (kept,) = Path("caches").absolute().glob("gradtrace/recordings/*.gtrace")
    assert f"gradtrace render {kept} shows it without running anything again" in done.stderr
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["caches", "typst.py"]


def test_a_program_that_never_runs_backward_is_drawn_from_its_last_results():
    """Those of its globals from which nothing else derives, or what `--root` names."""
    name = script(LEAF + "a = w * w\nb = a.sum()\nc = w * 3\n")

    whole = json.loads(gradtrace("render", name, "-f", "json").stdout)
    named = json.loads(gradtrace("render", name, "-f", "json", "--root", "a").stdout)

    assert [root["name"] for root in whole["passes"][0]["roots"]] == ["b", "c"]
    assert [root["name"] for root in named["passes"][0]["roots"]] == ["a"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import torch\ny = torch.ones(2) * 2\n", "no tensor that requires grad"),
        (LEAF + "with torch.no_grad():\n    loss = (w * w).sum()\n", "gradients were switched off"),
    ],
)
def test_without_a_graph_it_says_what_was_seen(code, told):
    """No tensors that require grad, or a loss under no_grad."""
    done = gradtrace("explain", script(code))

    assert done.returncode == 0
    assert told in " ".join(done.stdout.split())


def test_a_root_with_several_elements_is_summed_in_an_expression():
    """And said so; in a program it is torch's own error."""
    expression = gradtrace("explain", "w * w", "w=[1., 2.]")
    program = gradtrace("explain", script(LEAF + "(w * w).backward()\n"))

    assert "their sum was taken" in expression.stdout
    assert program.returncode == 1
    assert program.stderr.startswith("Traceback")
    assert "scalar" in program.stdout


def test_a_program_that_raises_keeps_its_traceback_and_what_it_did_before():
    """The recording holds the pass, and the exception with its line."""
    name = script(LEAF + "(w * w).sum().backward()\nraise KeyError('lost')\n")

    done = gradtrace("render", name, "-f", "json")

    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert done.stderr == subprocess.run([sys.executable, name], capture_output=True, text=True, check=False).stderr
    assert document["run"]["error"]["type"] == "KeyError"
    assert len(document["passes"]) == 1


def test_a_program_that_is_killed_loses_nothing():
    """We end as it did."""
    done = gradtrace("record", script(LEAF + "(w * w).sum().backward()\nimport os\nos.kill(os.getpid(), 9)\n"))

    document = json.loads(gradtrace("render", "train.gtrace", "-f", "json").stdout)
    assert done.returncode == -signal.SIGKILL
    assert (document["run"]["status"], len(document["passes"])) == (-9, 1)


def test_a_program_that_changes_directory_finds_our_files_where_they_were_asked_for():
    """Also the source lines of a script that was named by a relative path."""
    code = "import os\nos.mkdir('far')\nos.chdir('far')\n" + LEAF + "(w * w).sum().backward()\n"

    assert gradtrace("record", "-q", "-o", "run.gtrace", script(code)).returncode == 0

    nodes = json.loads(gradtrace("render", "run.gtrace", "-f", "json").stdout)["passes"][0]["graph"]["nodes"]
    texts = {node["location"]["text"] for node in nodes if node["location"]}
    assert texts == {"(w * w).sum().backward()"}


def test_a_chain_of_a_hundred_thousand_nodes():
    """Is recorded, told and drawn."""
    code = LEAF + "x = w\nfor _ in range(100_000):\n    x = x * 1.0\nx.sum().backward()\n"

    recorded = gradtrace("record", "-q", script(code))
    tree = gradtrace("render", "train.gtrace", "-f", "tree")
    told = gradtrace("explain", "train.gtrace")

    assert (recorded.returncode, tree.returncode, told.returncode) == (0, 0, 0)
    assert "100,000" in tree.stdout or "100000" in tree.stdout
    assert len(tree.stdout.splitlines()) < 200
    assert len(told.stdout.splitlines()) < 200


def test_a_recording_that_was_cut_off_is_shown_as_far_as_it_goes():
    """And says so."""
    gradtrace("record", "-q", script(LEAF + "for _ in range(3):\n    (w * w).sum().backward()\n"))
    whole = Path("train.gtrace").read_bytes()
    Path("cut.gtrace").write_bytes(whole[: len(whole) * 3 // 4])

    done = gradtrace("render", "cut.gtrace", "-f", "json")

    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["run"]["complete"] is False
    assert 1 <= len(document["passes"]) <= 3


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"PK\x03\x04" * 50, b'{"t":"header","format":"other"}\n', b"\xff" * 99]
)
def test_a_foreign_file_is_no_recording(content):
    """Whatever it holds."""
    Path("foreign.gtrace").write_bytes(content)

    error = refusal("explain", "foreign.gtrace")

    assert error.startswith("gradtrace: error: ")
    assert "foreign.gtrace" in error


@pytest.mark.parametrize("words", [["--lr", "3", "train.py"], ["train.py", "extra"], ["train.py", "--unknown"]])
def test_the_programs_own_options_belong_behind_the_dashes(words):
    """The error says so."""
    script(LEAF)
    assert "after --" in refusal("explain", *words)


def test_a_script_with_a_syntax_error_is_pythons_to_tell():
    """Its status and its words; then we say that there is nothing to show."""
    done = gradtrace("explain", script("x = = 1\n"))

    alone = subprocess.run([sys.executable, "train.py"], capture_output=True, text=True, check=False)
    assert done.returncode == alone.returncode == 1
    assert done.stderr.startswith(alone.stderr)

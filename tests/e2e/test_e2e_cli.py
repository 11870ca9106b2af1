"""The command from outside: what a person's shell sees."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

GRADTRACE = [sys.executable, "-m", "gradtrace"]

PROGRAM = """
    import sys
    import torch

    print("chatter", *sys.argv[1:])
    w = torch.tensor(0.5, requires_grad=True)
    y = torch.tensor(2.0, requires_grad=True)
    z = w * w * y
    z.backward()
"""


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _script(code, name="train.py"):
    Path(name).write_text(textwrap.dedent(code))
    return name


def _gradtrace(*words, **options):
    return subprocess.run([*GRADTRACE, *words], capture_output=True, text=True, check=False, timeout=120, **options)


def _leaf_contributions(document):
    names = {leaf["id"]: leaf["name"] for leaf in document["leaves"]}
    return [
        {names[item["leaf"]]: item["contribution"]["value"] for item in one["accumulations"]}
        for one in document["passes"]
    ]


def test_an_expression_is_measured_three_times():
    """Once, again without zeroing, and again after zero_grad: every number is torch's own."""
    done = _gradtrace("explain", "w*w*y", "w=0.5", "y=2.0", "--format", "json")

    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert _leaf_contributions(document) == [{"w": 2.0, "y": 0.25}] * 3
    afters = [[item["after"]["value"] for item in one["accumulations"]] for one in document["passes"]]
    assert afters == [[2.0, 0.25], [4.0, 0.5], [2.0, 0.25]]
    assert [event["kind"] for event in document["events"]] == ["backward", "backward", "zero_grad", "backward"]
    assert {edge["source"] for edge in document["passes"][0]["graph"]["edges"]} == {0, 1}


def test_a_programs_own_output_does_not_mix_with_a_document_in_a_pipe():
    """It goes to stderr; its own words are those after the dashes."""
    done = _gradtrace("render", "-f", "json", _script(PROGRAM), "--", "--lr", "0.1")

    assert _leaf_contributions(json.loads(done.stdout)) == [{"w": 2.0, "y": 0.25}]
    assert done.stderr == "chatter --lr 0.1\n"


def test_a_programs_own_output_does_not_mix_with_markdown():
    """It is a document, too: of a summary that a CI job shows, say."""
    _script("import torch\nprint('noise')\nw = torch.ones(2, requires_grad=True)\nw.sum().backward()\n")
    done = _gradtrace("explain", "-f", "markdown", "train.py")
    assert done.stdout.startswith("train.py ran 1 backward pass")
    assert "noise" not in done.stdout
    assert "noise\n" in done.stderr


def test_a_pipe_gets_dot():
    """What `dot` reads, whatever the program prints."""
    done = _gradtrace("render", _script(PROGRAM))

    assert done.stdout.startswith("digraph ")
    assert done.stderr == "chatter\n"


def test_with_a_file_the_program_keeps_its_stdout():
    """Only a document on stdout sends it elsewhere."""
    done = _gradtrace("render", _script(PROGRAM), "-o", "net.dot")

    assert (done.returncode, done.stdout, done.stderr) == (0, "chatter\n", "")
    assert Path("net.dot").read_text().startswith("digraph ")


def test_a_recording_is_shown_without_running_again():
    """From one run any number of pictures can be made."""
    script = _script(PROGRAM)
    recorded = _gradtrace("record", script)
    Path(script).unlink()

    shown = _gradtrace("render", "train.gtrace", "-f", "json")

    assert recorded.stderr == "gradtrace: recorded: gradtrace explain train.gtrace tells the story\n"
    assert _leaf_contributions(json.loads(shown.stdout)) == [{"w": 2.0, "y": 0.25}]
    assert shown.stderr == ""


def test_a_failing_program_keeps_its_traceback_and_its_status():
    """And is shown up to there."""
    script = _script(f"{PROGRAM}\n    raise SystemExit(3)\n")

    done = _gradtrace("render", script, "-f", "json", "-o", "out.json")

    assert done.returncode == 3
    assert json.loads(Path("out.json").read_text())["run"]["status"] == 3


def test_verbose_says_what_is_run_and_how_it_ended():
    """On stderr, as everything of ours; quiet silences even that."""
    verbose, both = _gradtrace("record", "-v", "-c", "pass"), _gradtrace("record", "-v", "-q", "-c", "pass")

    lines = verbose.stderr.splitlines()
    assert lines[0] == f"gradtrace: running -c pass with {sys.executable}"
    assert lines[1] == "gradtrace: it ended with status 0; now its streams are put together"
    assert both.stderr == ""


def test_the_active_environment_runs_the_program(tmp_path):
    """It is another than ours, and has torch; gradtrace need not be installed there."""
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexport FROM_ENV=yes\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    _script("import os, torch\nprint(os.environ['FROM_ENV'])\ntorch.ones(2, requires_grad=True).sum().backward()")

    done = _gradtrace("explain", "train.py", env={**os.environ, "VIRTUAL_ENV": str(tmp_path / "env")})

    assert (done.returncode, done.stdout.partition("\n")[0]) == (0, "yes")
    assert done.stderr == f"gradtrace: running with {python}, because its environment is active (VIRTUAL_ENV)\n"


def test_a_killed_program_loses_nothing():
    """The passes before the end are in the recording, and we end as it did."""
    script = _script(f"{PROGRAM}\n    import os; os.kill(os.getpid(), 9)\n")

    done = _gradtrace("record", "-q", script)

    document = json.loads(_gradtrace("render", "train.gtrace", "-f", "json").stdout)
    assert done.returncode == -signal.SIGKILL
    assert (document["run"]["status"], document["run"]["complete"]) == (-9, False)
    assert _leaf_contributions(document) == [{"w": 2.0, "y": 0.25}]


def test_without_torch_there_is_nothing_to_show():
    """That is an error of explain, but not of record; a failing program keeps its status."""
    script = _script("print('hello')")
    explained, recorded = _gradtrace("explain", script), _gradtrace("record", script)

    message = "the program never imported torch\n"
    assert (explained.returncode, explained.stdout) == (2, "hello\n")
    assert explained.stderr == f"gradtrace: error: nothing to show: {message}"
    assert (recorded.returncode, recorded.stderr) == (0, f"gradtrace: nothing recorded: {message}")
    assert _gradtrace("explain", "-c", "raise SystemExit(5)").returncode == 5


def test_an_isolated_command_is_told_apart():
    """Python -I skips what would start the recorder."""
    done = _gradtrace("record", "-o", "x.gtrace", "--", sys.executable, "-I", "-c", "pass")

    assert done.stderr == (
        "gradtrace: nothing recorded: the command started no python, or only isolated ones (python -I, -E or -S)\n"
    )


def test_processes_below_a_command_are_all_recorded():
    """Spawned workers have streams of their own, and the recording knows them apart."""
    script = _script("""
        import multiprocessing as mp
        import torch

        def work(n):
            w = torch.tensor(float(n), requires_grad=True)
            (w * w).backward()

        if __name__ == "__main__":
            worker = mp.get_context("spawn").Process(target=work, args=(3,))
            worker.start(), worker.join()
            work(2)
    """)

    done = _gradtrace("record", "-q", "-o", "all.gtrace", "--", sys.executable, script)

    document = json.loads(_gradtrace("render", "all.gtrace", "-f", "json").stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(one["w"] for one in _leaf_contributions(document)) == [4.0, 6.0]


def test_gradtrace_below_gradtrace_records_for_itself():
    """The inner run is the inner one's alone."""
    script = _script(PROGRAM)
    inner = [*GRADTRACE, "record", "-q", "-o", "inner.gtrace", script]

    done = _gradtrace("record", "-o", "outer.gtrace", "--", *inner)

    assert done.stdout == "chatter\n"
    assert done.stderr == "gradtrace: nothing recorded: the program never imported torch\n"
    assert json.loads(_gradtrace("render", "inner.gtrace", "-f", "json").stdout)["passes"]


def test_a_reader_that_has_gone_ends_the_command_quietly():
    """As for `| head`: by SIGPIPE, as any other program."""
    script = _script(PROGRAM)
    _gradtrace("record", "-q", script)
    running = subprocess.Popen(
        [*GRADTRACE, "render", "train.gtrace", "-f", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    running.stdout.close()

    assert running.stderr.read() == b""
    running.stderr.close()
    assert running.wait() == -signal.SIGPIPE


def test_a_programs_change_of_directory_does_not_move_our_files(tmp_path):
    """-o means what it meant when the command was given."""
    script = _script(f"{PROGRAM}\n    import os; os.mkdir('far'); os.chdir('far')\n")

    assert _gradtrace("record", "-q", "-o", "run.gtrace", script).returncode == 0
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["far", "run.gtrace", "train.py"]


WAITING = """
    import time, torch
    w = torch.tensor(0.5, requires_grad=True)
    (w * w).backward()
    try:
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(0.3)  # a second interrupt would break this off
        print("cleaned up", flush=True)
        raise SystemExit(7)
"""


def test_a_signal_that_only_we_get_is_passed_on():
    """The program decides what it means, and its passes are kept."""
    running = subprocess.Popen([*GRADTRACE, "record", "-q", _script(WAITING)], stdout=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "ready\n"

    running.send_signal(signal.SIGINT)

    assert running.communicate(timeout=60) == ("cleaned up\n", None)
    assert running.returncode == 7
    assert Path("train.gtrace").exists()


def test_we_die_of_the_signal_that_killed_the_program():
    """After the recording has been written."""
    running = subprocess.Popen([*GRADTRACE, "record", "-q", _script(WAITING)], stdout=subprocess.PIPE, text=True)
    running.stdout.readline()

    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)

    assert running.returncode == -signal.SIGTERM
    assert Path("train.gtrace").exists()


def test_the_interrupt_key_reaches_the_program_once():
    """The terminal sends it to both of us; it is not passed on a second time."""
    script = _script(WAITING)
    terminal, follower = pty.openpty()
    # The first terminal that the leader of a session opens becomes its own, with an interrupt key.
    opening = ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(follower)]
    running = subprocess.Popen([*opening, *GRADTRACE, "record", "-q", script], start_new_session=True)
    seen = _read_until(terminal, b"ready")

    os.write(terminal, b"\x03")

    seen += _read_until(terminal, b"cleaned up")
    status = running.wait(timeout=60)
    os.close(follower)
    os.close(terminal)
    assert (status, b"Traceback" in seen) == (7, False)


def _read_until(terminal, text):
    seen = b""
    deadline = time.monotonic() + 60
    while text not in seen and time.monotonic() < deadline:
        seen += os.read(terminal, 1024) if select.select([terminal], [], [], 1)[0] else b""
    assert text in seen
    return seen


def test_a_weight_that_is_transposed_twice_stands_as_it_is():
    """A linear layer multiplies by its weight transposed; backward multiplies by the weight."""
    name = _script("""
        import torch
        fc = torch.nn.Linear(3, 2)
        fc(torch.ones(1, 3).requires_grad_()).sum().backward()
    """)
    told = _gradtrace("explain", name).stdout

    assert "= gradient @ weight" in told
    assert "weightᵀ" not in told

"""What a program sees of the file that stands before it: nothing."""

import os
import subprocess
import sys
import textwrap

import pytest

from gradtrace.launch import Session, Settings, parse_target


@pytest.fixture
def session():
    with Session() as made:
        made.configure(parse_target([], code="pass"), Settings())
        yield made


def _python(session, code, *options, **environment):
    return subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        env={**session.environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_of_ours_is_left_in_sys(session):
    """Path, modules and finders are those of a bare python, before torch is imported."""
    code = """
        import sys
        print([entry for entry in [*sys.path, *sys.path_importer_cache] if "bootstrap" in entry])
        print([name for name in sys.modules if "gradtrace" in name or name in ("sitecustomize", "torch", "pathlib")])
        print([getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path])
    """
    bare = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)

    assert _python(session, code).stdout == bare.stdout
    assert bare.stdout.startswith("[]\n[]\n")
    assert session.python_started


def test_the_users_own_sitecustomize_runs_as_ever(session, tmp_path, monkeypatch):
    """It is found behind ours, knows its own file, and stays in sys.modules."""
    (tmp_path / "sitecustomize.py").write_text("print('mine', __name__, __file__)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    done = _python(session, "import sys; print(sys.modules['sitecustomize'].__file__)")

    file = tmp_path / "sitecustomize.py"
    assert done.stdout == f"mine sitecustomize {file}\n{file}\n"


def test_a_broken_sitecustomize_of_the_user_is_reported_as_ever(session, tmp_path, monkeypatch):
    """Python's own words, and the program runs."""
    (tmp_path / "sitecustomize.py").write_text("1 / 0\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    bare = subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True, check=False)

    done = _python(session, "print(1)")

    assert (done.stdout, done.stderr) == (bare.stdout, bare.stderr)
    assert "ZeroDivisionError" in done.stderr


def test_pythonpath_of_the_user_stays_behind_ours(session, monkeypatch):
    """Ours comes first, once, also when gradtrace runs below gradtrace."""
    monkeypatch.setenv("PYTHONPATH", f"/mine{os.pathsep}/other")
    first = session.environment()["PYTHONPATH"]
    monkeypatch.setenv("PYTHONPATH", first)

    assert first.split(os.pathsep)[1:] == ["/mine", "/other"]
    assert session.environment()["PYTHONPATH"] == first


@pytest.mark.parametrize("failure", ["raise ImportError('no lib')", "raise KeyboardInterrupt", "import nothing_such"])
def test_a_failing_import_of_torch_looks_as_ever(session, tmp_path, monkeypatch, failure):
    """The traceback shows no frame of ours."""
    (tmp_path / "torch.py").write_text(f"{failure}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    bare = subprocess.run([sys.executable, "-c", "import torch"], capture_output=True, text=True, check=False)

    done = _python(session, "import torch")

    assert (done.returncode, done.stderr) == (bare.returncode, bare.stderr)


def test_a_failure_of_ours_is_left_for_the_launcher_and_the_program_goes_on(session, tmp_path, monkeypatch):
    """A torch which the recorder cannot work with is still imported, and no stream of the program is written to."""
    (tmp_path / "torch.py").write_text("answer = 42\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    done = _python(session, "import torch; print(torch.answer)")

    assert (done.returncode, done.stdout) == (0, "42\n")
    assert done.stderr == ""
    assert session.failure is not None
    assert [*session.news()] == [f"this process is not recorded: {session.failure}"]
    assert [*session.news()] == []
    assert not session.torch_started


def test_what_became_of_the_import_of_torch_is_known(session, tmp_path, monkeypatch):
    """Whether there was none, or what it raised."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "torch.py").write_text("raise OSError('libcudart.so is missing')\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    _python(session, "import torch")

    assert (session.import_failure, session.missed_torch) == ("OSError: libcudart.so is missing", None)

    _python(session, "import sys; sys.path[:] = []; import torch")

    assert session.missed_torch == sys.executable


def test_torch_is_imported_by_its_real_loader_and_recorded(session):
    """Looking torch up without importing it shows nothing; afterwards nothing of ours is left in the importers."""
    code = """
        import importlib.machinery, importlib.util, sys
        print(sorted(vars(importlib.util.find_spec("torch").loader)))
        import torch
        print(sorted(vars(torch.__spec__.loader)), torch.__spec__.loader is torch.__loader__)
        print(type(torch.__loader__) is importlib.machinery.SourceFileLoader)
        print(importlib.machinery.BuiltinImporter.find_spec.__code__.co_qualname)
    """

    done = _python(session, code)

    assert (done.stdout, done.stderr) == (
        "['name', 'path']\n['name', 'path'] True\nTrue\nBuiltinImporter.find_spec\n",
        "",
    )
    assert session.torch_started


def test_torch_may_be_executed_by_hand(session):
    """As the documentation of importlib shows for lazy imports."""
    code = """
        import importlib.util, sys
        spec = importlib.util.find_spec("torch")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        torch = importlib.util.module_from_spec(spec)
        sys.modules["torch"] = torch
        spec.loader.exec_module(torch)
        print(torch.ones(1).tolist())
    """

    done = _python(session, code)

    assert (done.stdout, done.stderr, session.failure) == ("[1.0]\n", "", None)
    assert session.torch_started


def test_a_process_that_outlives_the_run_is_left_alone(session):
    """When the session's directory is gone, nothing is installed."""
    code = "import importlib.machinery as one; print(one.BuiltinImporter.find_spec.__code__.co_qualname)"
    done = _python(session, code, GRADTRACE_SESSION="/nowhere")

    assert done.stdout == "BuiltinImporter.find_spec\n"
    assert done.stderr == ""


def test_an_isolated_python_is_noticed(session):
    """It skips the bootstrap, and the session can say so."""
    assert _python(session, "pass", "-I").returncode == 0
    assert not session.python_started

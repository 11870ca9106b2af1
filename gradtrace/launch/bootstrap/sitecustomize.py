"""Python runs this file before each program of a traced run, so that `import torch` starts the recorder.

Its directory stands first on PYTHONPATH: every Python below the launcher (ranks, spawn workers, subprocesses) runs it.
Only what a bare python has loaded is used (`os`, `sys`), and `gradtrace` is not imported before torch is: a program
that looks at `sys.modules` or `sys.path` sees what it would see without us. The environment stays, for grandchildren.
"""

import os
import sys

TYPE_CHECKING = False  # the one in typing would have to be imported
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_DIRECTORY = os.path.dirname(__file__)
_PACKAGE = os.path.dirname(os.path.dirname(_DIRECTORY))


def _report(error: Exception) -> None:
    """Says on one line that nothing is recorded, here and to the launcher; the program goes on."""
    try:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stderr.write(f"gradtrace: this process is not recorded: {text}\n")
        if os.environ.get("GRADTRACE_DEBUG"):
            sys.excepthook(type(error), error, error.__traceback__)
        _leave("failed", text)
    except Exception:  # stderr may be closed, and a message is not worth a broken program
        return


def _leave(name: str, text: str) -> None:
    """Writes a word for the launcher; when the run is over, there is nobody to read it."""
    try:
        with open(os.path.join(os.environ["GRADTRACE_SESSION"], name), "w", encoding="utf-8") as note:
            note.write(text)
    except Exception:
        return


def _start_recorder() -> None:
    try:
        from gradtrace import recorder

        recorder.start_from_environment()
    except Exception as error:  # a failure of ours never reaches the program
        _report(error)


class _Finder:
    """Stands first on `sys.meta_path` until torch has been imported.

    It finds `gradtrace` in the very directory that launched the run, whichever interpreter this is, and `torch` where
    the other finders find it, with one step added after the module has been executed.
    """

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if name == "gradtrace":
            machinery = sys.modules["_frozen_importlib_external"]  # always loaded, unlike importlib.machinery
            spec: ModuleSpec | None = machinery.PathFinder.find_spec(name, [os.path.dirname(_PACKAGE)])
            return spec
        if name == "torch":
            for finder in (one for one in sys.meta_path if one is not self and hasattr(one, "find_spec")):
                found = finder.find_spec(name, path, target)
                if found is not None:
                    self._start_after(found.loader)
                    return found
            _leave("no_torch", sys.executable or "python")
        return None

    def _start_after(self, loader: object) -> None:
        """Overrides `exec_module` on this one loader, for one call: `torch.__spec__.loader` is the real one again."""
        # A spec may be asked for without an import (`importlib.util.find_spec`): stay until torch has really run.
        execute, attributes = getattr(loader, "exec_module", None), getattr(loader, "__dict__", None)
        if execute is None or attributes is None:
            return

        def exec_module(module: "ModuleType") -> None:
            attributes.pop("exec_module", None)
            execute(module)
            _start_recorder()
            if self in sys.meta_path:
                sys.meta_path.remove(self)

        # By this file name Python strips its own frames from the traceback of a failed import, and so this one.
        exec_module.__code__ = exec_module.__code__.replace(co_filename="<frozen importlib._bootstrap>")
        attributes["exec_module"] = exec_module


def _install() -> None:
    try:
        sys.path[:] = [entry for entry in sys.path if entry != _DIRECTORY]
        sys.path_importer_cache.pop(_DIRECTORY, None)
        session = os.environ.get("GRADTRACE_SESSION")
        if session and os.path.isdir(session):  # it is gone when this process outlives the run
            os.close(os.open(os.path.join(session, "started"), os.O_CREAT | os.O_WRONLY, 0o600))
            sys.meta_path.insert(0, _Finder())
    except Exception as error:
        _report(error)


_install()
# From here on as if this file had never been: the user's own sitecustomize runs, or is missing, as under a bare python.
sys.modules.pop("sitecustomize", None)
import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401

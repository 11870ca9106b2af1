"""Python runs this file before each program of a traced run, so that `import torch` starts the recorder.

Its directory stands first on PYTHONPATH: every Python below the launcher (ranks, spawn workers, subprocesses) runs it.
Only what a bare python has loaded is used (`os`, `sys`), and `gradtrace` is not imported before torch is: a program
that looks at `sys.modules`, `sys.path` or `sys.meta_path` sees what it would see without us. The environment stays, for
grandchildren. Nothing is written to the program's streams: words for the user are left in the session's directory.
"""

import os
import sys

TYPE_CHECKING = False  # the one in typing would have to be imported
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

_DIRECTORY = os.path.dirname(__file__)
_PACKAGE = os.path.dirname(os.path.dirname(_DIRECTORY))


def _leave(name: str, text: str) -> None:
    """Leaves a word for the launcher; whether it can be left or not, the program goes on."""
    try:
        path = os.path.join(os.environ["GRADTRACE_SESSION"], name)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, text.encode("utf-8", "backslashreplace") + b"\0")
        finally:
            os.close(descriptor)
    except Exception:
        return


def _described(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _report(error: Exception) -> None:
    """Says that nothing is recorded here."""
    _leave("failed", _described(error))


def _start_recorder() -> None:
    try:
        from gradtrace import recorder

        recorder.start_from_environment()
    except Exception as error:  # a failure of ours never reaches the program
        _report(error)


class _Search:
    """Looks for modules where the interpreter looks first, until torch has been imported.

    It finds `gradtrace` in the very directory that launched the run, whichever interpreter this is, and `torch` where
    the finders find it, with one step added after the module has been executed. It stands in for `find_spec` of the
    importer of builtins, which is on `sys.meta_path` in every Python, so that the list stays as it is.
    """

    def __init__(self) -> None:
        # Always loaded, unlike importlib.machinery.
        self._importer = sys.modules["_frozen_importlib"].BuiltinImporter
        self._original = self._importer.__dict__["find_spec"]
        find_builtin = self._importer.find_spec

        def find_spec(
            name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
        ) -> "ModuleSpec | None":
            spec: ModuleSpec | None
            if name == "torch":
                spec = self._torch(path, target)
            elif name == "gradtrace":
                spec = sys.modules["_frozen_importlib_external"].PathFinder.find_spec(name, [os.path.dirname(_PACKAGE)])
            else:
                spec = find_builtin(name, path, target)
            return spec

        find_spec.__code__ = _as_of_importlib(find_spec.__code__)
        self._ours = self._importer.find_spec = staticmethod(find_spec)

    def undo(self) -> None:
        """The importer is again as it was."""
        if self._importer.__dict__["find_spec"] is self._ours:
            self._importer.find_spec = self._original

    def _torch(self, path: "Sequence[str] | None", target: "ModuleType | None") -> "ModuleSpec | None":
        for finder in (one for one in sys.meta_path if one is not self._importer and hasattr(one, "find_spec")):
            found = finder.find_spec("torch", path, target)
            if found is not None:
                self._start_after(found.loader)
                return found
        _leave("no_torch", sys.executable or "python")
        return None

    def _start_after(self, loader: object) -> None:
        """Makes this one loader of a class whose `exec_module` starts the recorder when torch has been executed.

        A spec may be asked for without an import (`importlib.util.find_spec`), or be executed by hand or late: the
        search goes on until torch has really run. Then the loader is of its own class again.
        """
        own = type(loader)

        def exec_module(self: object, module: "ModuleType") -> None:
            self.__class__ = own
            try:
                self.exec_module(module)  # type: ignore[attr-defined]
            except Exception as error:
                _leave("import_failed", _described(error))
                raise
            _start_recorder()
            search.undo()

        search = self
        exec_module.__code__ = _as_of_importlib(exec_module.__code__)
        execute: Callable[..., None] = exec_module
        try:
            names = {"exec_module": execute, "__module__": own.__module__, "__qualname__": own.__qualname__}
            loader.__class__ = type(own.__name__, (own,), names)
        except TypeError as error:  # a loader that is no ordinary object
            _report(error)


def _as_of_importlib(code: "CodeType") -> "CodeType":
    """By this file name Python strips its own frames from the traceback of a failed import, and so ours."""
    return code.replace(co_filename="<frozen importlib._bootstrap>")


def _install() -> None:
    try:
        sys.path[:] = [entry for entry in sys.path if entry != _DIRECTORY]
        sys.path_importer_cache.pop(_DIRECTORY, None)
        session = os.environ.get("GRADTRACE_SESSION")
        if session and os.path.isdir(session):  # it is gone when this process outlives the run
            os.close(os.open(os.path.join(session, "started"), os.O_CREAT | os.O_WRONLY, 0o600))
            _Search()
    except Exception as error:
        _report(error)


_install()
# From here on as if this file had never been: the user's own sitecustomize runs, or is missing, as under a bare python.
sys.modules.pop("sitecustomize", None)
import sitecustomize  # type: ignore[import-not-found]  # noqa: E402, F401

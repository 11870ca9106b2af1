"""The program that a notebook target runs: its cells, one after the other, in the shell of IPython.

Run by path in the child process, with the notebook's file and the program's own words. There is no kernel: the user's
IPython runs the cells here, or, where there is none, Python itself does. The code of a cell bears the name
`/path/train.ipynb:cell 6`, so that its lines are known; cells count from 1, those of text included. What is imported
here is the standard library alone: torch is imported when a cell does it.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import inspect
import json
import linecache
import os
import sys
import traceback
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

_TIMED = frozenset({"<timed exec>", "<timed eval>"})
"""How IPython calls the code below `%%time`."""
_ASKS_TO_LEAVE = "To exit: use"
"""IPython's warning when a program exits."""
_GOES_ON, _IS_SKIPPED = "raises-exception", "skip-execution"
"""Tags of cells, as nbclient reads them."""
_IS_OVER = 1
_OF_A_MAGIC = "UsageError"
"""What IPython raises where a magic does not exist, or was called in a wrong way."""


class Cell(NamedTuple):
    """A cell with code; `number` counts all cells from 1."""

    number: int
    source: str
    tags: frozenset[str]


def main() -> int:
    """Run the notebook of the command line; returns the exit status."""
    file = os.path.abspath(sys.argv[1])  # noqa: PTH100 - a link stays one: it is the name that a person knows
    words = sys.argv[2:]
    cells = _cells(Path(file))
    folder = os.path.dirname(file)  # noqa: PTH120
    os.chdir(folder)  # as Jupyter does
    sys.path.insert(0, folder)
    sys.argv = [file, *words]
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.excepthook = lambda _, error, __: _show(error, file)  # Ctrl-C, too, came in a cell
    run = _in_ipython(file, module) if _has_ipython() else _in_python(file, module, cells)
    for cell in cells:
        error = run(cell)
        if isinstance(error, SystemExit | KeyboardInterrupt):
            raise error
        if error is not None:
            _show(error, file)
            if _GOES_ON not in cell.tags:
                print(f"{Path(file).name}: cell {cell.number} failed", file=sys.stderr)  # noqa: T201 - as Python itself says it
                _end_by(error)
                return _IS_OVER
    return 0


def _cells(file: Path) -> list[Cell]:
    document = json.loads(file.read_text(encoding="utf-8"))
    found = []
    for number, cell in enumerate(document["cells"], 1):
        tags = frozenset(map(str, (cell.get("metadata") or {}).get("tags") or ()))
        source = cell.get("source") or ""
        text = source if isinstance(source, str) else "".join(source)
        if cell.get("cell_type") == "code" and text.strip() and _IS_SKIPPED not in tags:
            found.append(Cell(number, text, tags))
    return found


def _name(file: str, number: int) -> str:
    return f"{file}:cell {number}"


def _register(name: str, text: str) -> None:
    """Make the text known to whoever looks source lines up."""
    linecache.cache[name] = (len(text), None, [f"{line}\n" for line in text.split("\n")], name)


# In IPython.


def _has_ipython() -> bool:
    return importlib.util.find_spec("IPython") is not None


def _in_ipython(file: str, module: types.ModuleType) -> Callable[[Cell], BaseException | None]:
    """What runs a cell as a notebook would: magics, commands of the system, results that are shown."""
    session = os.environ.get("GRADTRACE_SESSION")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of importing it are nobody's concern
        shells = importlib.import_module("IPython.core.interactiveshell")
        compilers = importlib.import_module("IPython.core.compilerop")
        settings = importlib.import_module("traitlets.config").Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "NoColor"
    place = {} if session is None else {"ipython_dir": str(Path(session) / "ipython")}
    shell_type = _shell_type(shells.InteractiveShell)
    compiler_type = _compiler_type(compilers.CachingCompiler)
    shell = shell_type.instance(config=settings, user_module=module, compiler_class=compiler_type, **place)
    warnings.filterwarnings("ignore", message=_ASKS_TO_LEAVE)

    def run(cell: Cell) -> BaseException | None:
        name = _name(file, cell.number)
        shell.compile.begin(name, cell.source)
        shell.compile.cell_names[len(shell.history_manager.input_hist_raw)] = name  # for whoever sees a magic's code
        result = shell.run_cell(cell.source, store_history=True)
        error: BaseException | None = result.error_before_exec or result.error_in_exec
        return SystemExit(0) if shell.is_left and error is None else error

    return run


def _shell_type(base: type) -> Any:
    """A shell without a window or a terminal, that leaves it to us to show an exception."""

    def enable_gui(self: Any, gui: str | None = None) -> None:
        """Nothing is drawn in a window."""

    def show_nothing(self: Any, *args: Any, **kwargs: Any) -> None:
        """An exception is shown when its cell has ended."""

    def ask_exit(self: Any) -> None:
        """`exit()` in a cell: as a kernel would, this runs the cell to its end, and no other."""
        self.is_left = True

    def safe_execfile_ipy(self: Any, fname: Any, *args: Any, **kwargs: Any) -> Any:
        """`%run other.ipynb`: its cells have their own names."""
        path = os.path.abspath(fname)  # noqa: PTH100 - as above
        others = self.compiler_class.others  # IPython makes a compiler for each cell
        with contextlib.suppress(OSError, ValueError, KeyError):  # IPython says what is wrong with the file
            others.update((cell.source, (_name(path, cell.number), cell.source)) for cell in _cells(Path(path)))
        try:
            return base.safe_execfile_ipy(self, fname, *args, **kwargs)  # type: ignore[attr-defined]
        finally:
            others.clear()

    silent = dict.fromkeys(("showtraceback", "showsyntaxerror", "showindentationerror", "_showtraceback"), show_nothing)
    members = {"enable_gui": enable_gui, "ask_exit": ask_exit, "is_left": False, **silent}
    if hasattr(base, "safe_execfile_ipy"):
        members["safe_execfile_ipy"] = safe_execfile_ipy
    return type(base.__name__, (base,), members)


def _compiler_type(base: type) -> Any:
    """A compiler that names code by its cell, and knows which lines of the cell it is given."""

    def begin(self: Any, name: str, source: str) -> None:
        """A cell is about to be run."""
        self.cell_name, self.cell_source, self.line = name, source, 0
        self.running = source
        _register(name, source)

    def get_code_name(self: Any, raw_code: str, code: str, number: int) -> Any:
        """The name of the cell, if this is a part of it."""
        self.cell_name, self.cell_source = self.others.get(raw_code, (self.cell_name, self.cell_source))
        line = _line_of(raw_code, self.cell_source)
        if line is None:
            self.running = ""
            return base.get_code_name(self, raw_code, code, number)  # type: ignore[attr-defined]
        self.line, self.running = line, raw_code
        return self.cell_name

    def cache(self: Any, transformed_code: str, number: int = 0, raw_code: str | None = None) -> Any:
        """Keep the text of what is compiled next; that of a cell is kept whole."""
        name = base.cache(self, transformed_code, number, raw_code)  # type: ignore[attr-defined]
        _register(self.cell_name, self.cell_source)
        return name

    def ast_parse(self: Any, source: str, filename: str = "<unknown>", symbol: str = "exec") -> Any:
        """Parse it, with the lines that it has in the cell."""
        tree = base.ast_parse(self, source, filename, symbol)  # type: ignore[attr-defined]
        if filename == getattr(self, "cell_name", None) and self.line:
            ast.increment_lineno(tree, self.line)
        return tree

    def call(self: Any, source: Any, filename: str, symbol: str, **options: Any) -> Any:
        """Compile it; what is timed below `%%time` belongs to the cell."""
        if filename in _TIMED and isinstance(source, ast.AST):
            below = _line_below_magic(self.running)
            if below is not None:
                filename = self.cell_name
                ast.increment_lineno(source, self.line + below)
        return base.__call__(self, source, filename, symbol, **options)

    members = {
        "begin": begin,
        "get_code_name": get_code_name,
        "cache": cache,
        "ast_parse": ast_parse,
        "__call__": call,
        "cell_name": "",
        "cell_names": {},
        "others": {},
        "cell_source": "",
        "running": "",
        "line": 0,
    }
    return type(base.__name__, (base,), members)


def _line_of(part: str, source: str) -> int | None:
    """How many lines of a cell stand before a part of it; IPython leaves out empty ones at the beginning."""
    lines = part.strip("\n").split("\n")
    whole = source.rstrip("\n").split("\n")
    n_empty = next((at for at, line in enumerate(part.split("\n")) if line.strip()), 0)
    body = [line.rstrip() for line in part.split("\n")[n_empty:]]
    while body and not body[-1]:
        body.pop()
    at = len(whole) - len(body)
    if lines and at >= 0 and [line.rstrip() for line in whole[at:]] == body:
        return at
    return None


def _line_below_magic(source: str) -> int | None:
    """How many lines stand before the body of `%%time`, from the first one that is not empty."""
    lines = source.lstrip("\n").split("\n")
    return 1 if lines and lines[0].lstrip().startswith("%%") else None


# Without IPython.


def _in_python(file: str, module: types.ModuleType, cells: list[Cell]) -> Callable[[Cell], BaseException | None]:
    """What runs a cell where there is no IPython; a magic is refused before anything runs."""
    for cell in cells:
        magic = _magic_in(cell.source)
        if magic is not None:
            _refuse(
                f"{Path(file).name}: cell {cell.number} uses {magic}, which needs IPython, and {sys.executable} has"
                f" none: install it with {sys.executable} -m pip install ipython"
            )

    def run(cell: Cell) -> BaseException | None:
        name = _name(file, cell.number)
        _register(name, cell.source)
        try:
            _run_source(cell.source, name, module.__dict__)
        except BaseException as error:
            return error
        return None

    return run


def _magic_in(source: str) -> str | None:
    """The first word of a line that only IPython reads; None where Python reads the whole cell."""
    try:
        compile(source, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError:
        for line in source.split("\n"):
            word = line.strip().partition(" ")[0]
            if word.startswith(("%", "!", "?")) or (word.endswith("?") and word != "?"):
                return word
            _, equals, value = line.partition("=")
            if equals and value.strip().startswith(("%", "!")):
                return value.strip().partition(" ")[0]
    return None


def _run_source(source: str, name: str, names: dict[str, Any]) -> None:
    """Run the statements of a cell, and show the value of the last one if it is an expression."""
    body = ast.parse(source, name).body if not _awaits(source) else []
    last = body[-1] if body and isinstance(body[-1], ast.Expr) and not source.rstrip().endswith(";") else None
    if not body:
        code = compile(source, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        made = types.FunctionType(code, names)()
        if inspect.iscoroutine(made):
            importlib.import_module("asyncio").run(made)
        return
    statements = body if last is None else body[:-1]
    exec(compile(ast.Module(statements, []), name, "exec", dont_inherit=True), names)  # noqa: S102 - the user's program
    if last is not None:
        code = compile(ast.Expression(last.value), name, "eval", dont_inherit=True)
        sys.displayhook(eval(code, names))  # noqa: S307 - as above


def _awaits(source: str) -> bool:
    code = compile(source, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return bool(code.co_flags & inspect.CO_COROUTINE)


# How it ends.


def _show(error: BaseException, file: str) -> None:
    """Print the traceback from the first frame of a cell on, as Python does; that is what is kept of it."""
    frames = error.__traceback__
    while frames is not None and not frames.tb_frame.f_code.co_filename.startswith(f"{file}:cell "):
        frames = frames.tb_next
    error.__traceback__ = frames
    sys.stdout.flush()
    if type(error).__name__ == _OF_A_MAGIC and type(error).__module__.startswith("IPython."):
        print(f"{_OF_A_MAGIC}: {error}", file=sys.stderr)  # noqa: T201 - as IPython says it
        return
    traceback.print_exception(type(error), error, frames)


def _end_by(error: BaseException) -> None:
    """Tell the recorder, if torch was ever imported, what ended the program."""
    ending = sys.modules.get("gradtrace.recorder.program_end")
    if ending is not None:
        ending.ended_by = error  # type: ignore[attr-defined]


def _refuse(text: str) -> NoReturn:
    """End the program; the launcher shows the text as an error and nothing else."""
    session = Path(os.environ["GRADTRACE_SESSION"])
    (session / "refused").write_text(text, encoding="utf-8", errors="backslashreplace")
    raise SystemExit(2)


if __name__ == "__main__":
    sys.exit(main())

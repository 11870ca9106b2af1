"""The program that an expression target runs: three measured passes over what the user typed.

Run by path in the child process. Pass 1 is forward and backward; pass 2 the same again without zeroing, pass 3 after a
real `zero_grad()`: what is said about accumulation has happened. `--repeat N` asks for N passes, each of them after a
`zero_grad()`; `--no-zero` leaves every `zero_grad()` out. Values are made once and the random state is put back
before each forward, so that the passes differ in nothing else. What the user typed is compiled under the name
`<expression>`, which is how the recorder tells it from this file.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import json
import linecache
import os
import sys
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn

from gradtrace.model.excerpt import excerpt
from gradtrace.model.format import EXPRESSION_FILE
from gradtrace.model.location import Location


def _session() -> Path:
    return Path(os.environ["GRADTRACE_SESSION"])


def _refuse(text: str) -> NoReturn:
    """Ends the program; the launcher shows the text as an error and nothing else."""
    (_session() / "refused").write_text(text, encoding="utf-8", errors="backslashreplace")
    raise SystemExit(2)


try:
    import torch  # this starts the recorder, which finds gradtrace already at hand

    from gradtrace import recorder
    from gradtrace.recorder import notices, program_end
except Exception as problem:  # a broken installation has many faces
    _refuse(f"{sys.executable} cannot import torch and the recorder: {type(problem).__name__}: {problem}")

_FROM_TORCH = (
    *("tensor", "zeros", "ones", "full", "eye", "arange", "linspace", "rand", "randn", "randint", "randperm"),
    *(
        "zeros_like",
        "ones_like",
        "full_like",
        "rand_like",
        "randn_like",
        "exp",
        "expm1",
        "log",
        "log1p",
        "sqrt",
        "rsqrt",
    ),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "sigmoid", "relu", "softmax", "log_softmax"),
    *(
        "logsumexp",
        "erf",
        "square",
        "mean",
        "prod",
        "cumsum",
        "cumprod",
        "norm",
        "dot",
        "mm",
        "bmm",
        "matmul",
        "einsum",
    ),
    *("outer", "cat", "stack", "where", "clamp", "maximum", "minimum", "gather", "pi", "inf", "nan"),
)
"""In scope by their bare names; never one that hides a builtin (`sum`, `max`, `abs` mean what they mean in Python)."""

_SHOWN = 16
"""Elements of a value that is shown in an error."""


def main() -> int:
    """Runs the session's expression; returns the exit status."""
    config = json.loads((_session() / "config.json").read_text(encoding="utf-8"))
    spec = config["expression_spec"]
    module = ModuleType("__main__")
    module.__dict__.update(_scope())
    sys.modules["__main__"] = module  # as for any script: the user's names are the globals of the main program
    names = module.__dict__
    leaves = _define(spec["bindings"], names)
    program = _Program(config["expression"], names, leaves)
    gradient = spec["grad_output"]
    for number, is_zeroed in enumerate(_zeroed(spec.get("repeat"), zero=spec.get("zero", True)), start=1):
        if is_zeroed:
            _Holder(program.leaves).zero_grad()
        root = _differentiable(program.forward(), spec["bindings"])
        if not _backward(number, root, gradient, names):
            return 1
    return 0


def _zeroed(repeat: int | None, *, zero: bool) -> list[bool]:
    """For each pass to come whether `zero_grad()` runs before it: unless asked otherwise, before the last of three."""
    if repeat is None:
        return [False, False, zero]
    return [zero and number > 0 for number in range(repeat)]


class _Program:
    """The user's statements; those that define leaves or modules run once, the others for every pass."""

    def __init__(self, source: str, names: dict[str, Any], leaves: list[torch.Tensor]) -> None:
        self.leaves = leaves
        self._names = names
        self._given = dict(names)
        self._states: dict[int, list[torch.Tensor]] = {}  # statements that ran for good: the random state after each
        statements = ast.parse(_registered(source, EXPRESSION_FILE)).body
        last = statements[-1]
        value = last.value if isinstance(last, ast.Expr) else _target(last)
        self._value = compile(ast.Expression(value), EXPRESSION_FILE, "eval")
        self._statements = [
            (statement, compile(ast.Module([statement], []), EXPRESSION_FILE, "exec"))
            for statement in (statements[:-1] if isinstance(last, ast.Expr) else statements)
        ]
        self._initial = _random_state()

    def forward(self) -> Any:
        """Runs the statements and returns the value of the last one."""
        self._names.update(self._given)  # a statement may have given one of these names to a result
        _set_random_state(self._initial)
        for number, (statement, code) in enumerate(self._statements):
            if number in self._states:
                _set_random_state(self._states[number])
                continue
            _run(code, self._names)
            if self._defines_leaves(statement):
                self._states[number] = _random_state()
                for name in _bound(statement):
                    self._given.pop(name, None)
        return _run(self._value, self._names)

    def _defines_leaves(self, statement: ast.stmt) -> bool:
        """Whether it makes something that has to stay the same over the passes, and notes the leaves that it made."""
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            return isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
        name = _target(statement)
        made = self._names.get(name.id) if isinstance(name, ast.Name) else None
        members: list[Any] = list(made.parameters()) if isinstance(made, torch.nn.Module) else [made]
        found = [item for item in members if isinstance(item, torch.Tensor) and item.is_leaf and item.requires_grad]
        self.leaves.extend(item for item in found if not any(item is known for known in self.leaves))
        return bool(found) or isinstance(made, torch.nn.Module | torch.optim.Optimizer)


class _Holder(torch.nn.Module):
    """A module whose parameters are the leaves: zeroing is done by torch's own `zero_grad`."""

    def __init__(self, leaves: list[torch.Tensor]) -> None:
        super().__init__()
        self.__dict__["_parameters"] = {str(number): leaf for number, leaf in enumerate(leaves)}


def _scope() -> dict[str, Any]:
    scope = {"__name__": "__main__", "__builtins__": builtins, "torch": torch, "nn": torch.nn, "F": torch.nn.functional}
    if "numpy" in sys.modules:
        scope["np"] = sys.modules["numpy"]
    return scope | {name: getattr(torch, name) for name in _FROM_TORCH}


def _define(bindings: list[tuple[str, str, bool]], names: dict[str, Any]) -> list[torch.Tensor]:
    """Evaluates `name=value` and `name:=value` in order; returns the leaves."""
    leaves = []
    for name, source, is_leaf in bindings:
        file_name = f"<value of {name}>"
        value = _run(compile(_registered(source, file_name), file_name, "eval"), names)
        if is_leaf:
            names[name] = _leaf(name, source, value)
            leaves.append(names[name])
            recorder.name_leaf(names[name], name)
        else:
            names[name] = _constant(value)
    return leaves


def _leaf(name: str, source: str, value: Any) -> torch.Tensor:
    try:
        tensor = value if isinstance(value, torch.Tensor) else torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        _refuse(f"{name}={source} is {_kind(value)}, which is no tensor: a constant is written {name}:={source}")
    if not tensor.is_floating_point() and not tensor.is_complex():
        tensor = tensor.to(torch.get_default_dtype())
    if tensor.requires_grad:
        tensor = tensor.detach().clone()
    return tensor.requires_grad_()


def _constant(value: Any) -> Any:
    """Floats and lists become tensors; an int stays one, so that it can be a dimension."""
    if isinstance(value, torch.Tensor):
        return value.detach() if value.requires_grad else value
    if isinstance(value, float | list):
        try:
            return torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError):
            return value
    return value


def _differentiable(root: Any, bindings: list[tuple[str, str, bool]]) -> torch.Tensor:
    """The root, if backward can start there."""
    if not isinstance(root, torch.Tensor):
        parts = getattr(type(root), "__match_args__", ())  # the names in what `max(dim=…)` and its like return
        hint = f"end with one of its parts: .{' or .'.join(parts)}" if parts else "end with one"
        _refuse(f"the value is {_kind(root)}, but backward starts from one tensor: {hint}")
    if not root.requires_grad:
        _refuse(f"the value is {_short(root)}, but it does not require grad: {_no_gradient(root, bindings)}")
    return root


def _no_gradient(root: torch.Tensor, bindings: list[tuple[str, str, bool]]) -> str:
    """Why there is none, and what to write."""
    leaves = [name for name, _, is_leaf in bindings if is_leaf]
    constants = [f"{name}={source}" for name, source, is_leaf in bindings if not is_leaf]
    if not root.is_floating_point() and not root.is_complex():
        kind = str(root.dtype).removeprefix("torch.")
        return f"{kind} numbers have no gradient; end with a floating point value"
    if leaves:
        return f"nothing connects it to {', '.join(leaves)} (detach, no_grad, item and integers cut the way)"
    if constants:
        return f"nothing in it does; a leaf is written {constants[0]}, with = and not :="
    return "nothing in it does; define a leaf behind the expression, such as w=0.5, and use it"


def _backward(number: int, root: torch.Tensor, gradient: str | None, names: dict[str, Any]) -> bool:
    """Runs backward; False if torch raised, which is then shown and recorded."""
    start = None
    if gradient is not None:
        start = _start(gradient, root, names)
    elif root.numel() != 1:
        observer = recorder.current()
        if observer is not None and number == 1:
            observer.journal.note(f"the root has {root.numel()} elements: their sum was taken")
        root = root.sum()
    try:
        root.backward(start)  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever torch or a user's Function raises
        notices.leave(_session(), "backward_failed", f"{type(error).__name__}: {error}")
        program_end.ended_by = error
        return False
    return True


def _start(source: str, root: torch.Tensor, names: dict[str, Any]) -> torch.Tensor:
    """The gradient to start with; a number stands for all elements."""
    file_name = "<--grad-output>"
    value = _run(compile(_registered(source, file_name), file_name, "eval"), names)
    try:
        start = torch.as_tensor(value, dtype=root.dtype, device=root.device)
    except (TypeError, ValueError, RuntimeError):
        _refuse(f"--grad-output {source} is {_kind(value)}, which is no tensor")
    if start.ndim == 0:
        return start.expand_as(root)
    if start.shape != root.shape:
        shapes = f"{tuple(start.shape)}, and the root has {tuple(root.shape)}"
        _refuse(f"--grad-output has the shape {shapes}: they must be equal")
    return start


def _run(code: CodeType, names: dict[str, Any]) -> Any:
    """Executes a piece of what the user typed; what it raises is shown with a caret under the part that raised."""
    try:
        return eval(code, names)  # noqa: S307  the user's own code, on the user's own machine
    except Exception as error:  # whatever it raises is the user's to read
        place = _place(error.__traceback__)
        text = f"{type(error).__name__}: {error}"
        if isinstance(error, NameError) and error.name:
            text = f"there is no name {error.name!r}{_hint(error.name, names)}"
        _refuse(f"{text}\n{excerpt(place)}" if place else text)


def _hint(name: str, names: dict[str, Any]) -> str:
    close = difflib.get_close_matches(name, [known for known in names if not known.startswith("__")], n=3)
    meant = f"; did you mean {' or '.join(close)}?" if close else ""
    return f"{meant}\ndefine it behind the expression: {name}=0.5 (a leaf) or {name}:=0.5 (a constant)"


def _place(traceback: TracebackType | None) -> Location | None:
    """Where in the user's text the innermost of its frames stood."""
    place = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        lines = linecache.getlines(code.co_filename) if code.co_filename.startswith("<") else []
        positions = list(code.co_positions())[traceback.tb_lasti // 2]
        if lines and None not in positions:
            line, end_line, start, end = (number or 0 for number in positions)
            text = lines[line - 1].rstrip("\n")
            column, end_column = (len(text.encode()[:offset].decode(errors="replace")) + 1 for offset in (start, end))
            place = Location(code.co_filename, line, column, end_line, end_column, text=text)
        traceback = traceback.tb_next
    return place


def _target(statement: ast.stmt) -> ast.expr:
    """The name that an assignment binds, as an expression that reads it."""
    target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
    if not isinstance(target, ast.expr):
        raise TypeError(f"no assignment: {ast.dump(statement)}")
    read = ast.parse(ast.unparse(target), EXPRESSION_FILE, "eval").body
    for node in ast.walk(read):
        ast.copy_location(node, target)
    return read


def _bound(statement: ast.stmt) -> list[str]:
    """The names that a statement gives a value to."""
    stored = (node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    own = getattr(statement, "name", None)
    return [*stored, *([own] if isinstance(own, str) else [])]


def _registered(source: str, file_name: str) -> str:
    """Makes the text known to whoever looks source lines up."""
    linecache.cache[file_name] = (len(source), None, source.splitlines(keepends=True), file_name)
    return source


def _random_state() -> list[torch.Tensor]:
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else ())]


def _set_random_state(states: list[torch.Tensor]) -> None:
    torch.set_rng_state(states[0])
    if len(states) > 1:
        torch.cuda.set_rng_state_all(states[1:])


def _kind(value: Any) -> str:
    return f"a Python {type(value).__name__}" if type(value).__module__ == "builtins" else f"a {type(value).__name__}"


def _short(tensor: torch.Tensor) -> str:
    return str(tensor.tolist()) if tensor.numel() <= _SHOWN else f"a tensor of shape {tuple(tensor.shape)}"


if __name__ == "__main__":
    sys.exit(main())

"""torch's own formulas: the `derivatives.yaml` from which torch generates its node types."""

import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gradtrace.formulas.torchgen_files import packaged_file
from gradtrace.formulas.user_cache import cache_directory

_CACHE_FORMAT = 1
"""Raised when `Derivative` changes, so that an older cache is not read."""


@dataclass(frozen=True, slots=True)
class Derivative:
    """One entry of `derivatives.yaml`.

    Attributes:
        node_type: the class that torch generates from it: `MulBackward0`.
        op: name of the op: `mul`.
        signature: torch's schema: `mul.Tensor(Tensor self, Tensor other) -> Tensor`.
        inputs: arguments that receive a gradient, in the order of `next_functions`; a trailing `*` marks a list.
        formulas: for each of them torch's formula, as C++.
    """

    node_type: str
    op: str
    signature: str
    inputs: tuple[str, ...]
    formulas: tuple[str, ...]


def derivative(node_type: str) -> Derivative | None:
    """Find torch's entry for a node type; for `ForeachExpBackward0` and `SelectBackward0_copy` the op that they repeat.

    Raises:
        TorchFilesError: the installed torch has no `derivatives.yaml`.
    """
    table = derivatives()
    plain = node_type.removesuffix("_copy")
    member = re.sub(r"^Foreach(.*Backward\d+).*$", r"\1", plain)
    return table.get(node_type) or table.get(plain) or table.get(member)


@lru_cache(maxsize=1)
def derivatives() -> dict[str, Derivative]:
    """Read all of them, by node type; from the user's cache when it holds those of the installed torch."""
    source = packaged_file("autograd/derivatives.yaml")
    stamp = f"{_CACHE_FORMAT} {torch_version()} {source.stat().st_size} {source.stat().st_mtime_ns}"
    cache = cache_directory() / f"derivatives-{torch_version()}.json"
    entries = _read_cache(cache, stamp)
    if entries is None:
        entries = list(_parse(source.read_text(encoding="utf-8")))
        _write_cache(cache, stamp, entries)
    return {entry.node_type: entry for entry in entries}


def torch_version() -> str:
    """Tell the version of the installed torch, without importing it; `unknown` for a source tree."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - with a parser of e-mail in it

    try:
        return version("torch")
    except PackageNotFoundError:
        return "unknown"


def _read_cache(path: Path, stamp: str) -> list[Derivative] | None:
    """A cache that is absent, damaged or of another torch is None: it is only ever a saving."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["stamp"] != stamp:
            return None
        return [
            Derivative(row["node_type"], row["op"], row["signature"], tuple(row["inputs"]), tuple(row["formulas"]))
            for row in stored["entries"]
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _write_cache(path: Path, stamp: str, entries: Iterable[Derivative]) -> None:
    """Whole or not at all; a directory that cannot be written costs only the time to parse again."""
    text = json.dumps({"stamp": stamp, "entries": [asdict(entry) for entry in entries]})
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)


def _parse(text: str) -> Iterable[Derivative]:
    """Follow torch's code generator: node types are numbered, for each name, in the order of the file."""
    import yaml  # noqa: PLC0415 - only when there is no cache

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    numbers: Counter[str] = Counter()
    for entry in yaml.load(text, Loader=loader):  # noqa: S506 - a safe loader, in C where there is one
        signature = entry.pop("name")
        by_key = entry.pop("dispatch", None) or {"Default": entry}
        for key, definition in by_key.items():
            formulas = _input_formulas(signature, definition)
            if formulas:
                prefix = _class_prefix(signature) + ("" if key == "Default" else key)
                yield Derivative(
                    node_type=f"{prefix}{numbers[prefix]}",
                    op=_op(signature),
                    signature=signature,
                    inputs=tuple(formulas),
                    formulas=tuple(formulas.values()),
                )
                numbers[prefix] += 1


def _input_formulas(signature: str, definition: dict[str, Any]) -> dict[str, str]:
    """Formula by input, in the order of the signature; forward-mode formulas are left out."""
    given: dict[str, str] = {}
    for names, formula in definition.items():
        if str(formula).strip().lower() != "non_differentiable":
            given |= {name.strip(): " ".join(str(formula).split()) for name in names.split(",")}
    declared = signature.split("(", 1)[1].rsplit(") -> ", 1)[0]
    arguments = re.findall(r"(\w+(?:\([^)]*\))?(?:\[\d*\])?\??(?:\[\d*\])?) (\w+)", declared)
    return {
        name + ("*" if kind.startswith("Tensor") and "[" in kind else ""): given[name]
        for kind, name in arguments
        if name in given
    }


def _op(signature: str) -> str:
    return re.split(r"[.(]", signature, maxsplit=1)[0].removesuffix("_")


def _class_prefix(signature: str) -> str:
    """`_log_softmax(…)` becomes `LogSoftmaxBackward`, `nll_loss_forward(…)` becomes `NllLossBackward`."""
    words = re.split(r"[.(]", signature, maxsplit=1)[0].split("_")
    name = "".join(word.title() for word in words if word)
    return f"{name}Backward".replace("ForwardBackward", "Backward")

"""Writes `recorder/slot_names.py`: which argument of an op each slot of its node is.

The recorder lives in the user's process and may use the standard library alone, so it cannot read torch's yaml files
and carries this table instead. Run `python -m gradtrace.formulas.slot_table` after a new torch is installed.
"""

from pathlib import Path
from typing import Any

from torchgen.api.autograd import match_differentiability_info
from torchgen.gen import parse_native_yaml
from torchgen.packaged.autograd.load_derivatives import load_derivatives

from gradtrace.formulas.torchgen_files import packaged_file

TABLE_PATH = Path(__file__).parent.parent / "recorder" / "slot_names.py"

_BEGIN = "# The table: written by gradtrace.formulas.slot_table.\n"
_END = "# End of the table.\n"

_WIDTH = 120


def slot_names_of_installed_torch() -> dict[str, tuple[str, ...]]:
    """Read the arguments to which each node type sends gradients, in slot order, out of torch's code generator.

    A trailing `*` marks a list of tensors, which takes one slot for each of its members.
    """
    derivatives = str(packaged_file("autograd/derivatives.yaml"))
    native = str(packaged_file("ATen/native/native_functions.yaml"))
    tags = str(packaged_file("ATen/native/tags.yaml"))
    infos, _ = load_derivatives(derivatives, native, tags)
    functions = parse_native_yaml(native, tags).native_functions
    matched = match_differentiability_info(list(functions), infos)
    with_foreach = [info for function in matched for info in (function.info or {}).values()]
    in_yaml = [info for by_key in infos.values() for info in by_key.values()]
    return {info.op: tuple(map(_slot, info.args_with_derivatives)) for info in in_yaml + with_foreach if info.op}


def _slot(argument: Any) -> str:
    return f"{argument.name}*" if "List" in str(argument.type) else str(argument.name)


def table_source(names: dict[str, tuple[str, ...]]) -> str:
    """Write the table as Python: one entry for each signature, with the types that have it, in alphabetical order."""
    by_signature: dict[str, list[str]] = {}
    for node_type in sorted(names):
        by_signature.setdefault(" ".join(names[node_type]), []).append(node_type)
    lines = ["_TYPES_BY_SLOTS = {\n"]
    for signature in sorted(by_signature):
        lines += _entry(signature, " ".join(by_signature[signature]))
    return "".join([*lines, "}\n"])


def _entry(signature: str, types: str) -> list[str]:
    on_one_line = f'    "{signature}": "{types}",\n'
    if len(on_one_line) <= _WIDTH:
        return [on_one_line]
    return [f'    "{signature}": (\n', *_wrapped(types.split()), "    ),\n"]


def _wrapped(words: list[str]) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in words:
        if len(line) + len(word) + len('        " "') > _WIDTH:
            lines.append(line)
            line = ""
        line += f"{word} "
    lines.append(line.rstrip())
    return [f'        "{line}"\n' for line in lines]


def with_table(source: str, table: str) -> str:
    """Put a table between the marks in the text of `slot_names.py`."""
    head, rest = source.split(_BEGIN)
    _, tail = rest.split(_END)
    return f"{head}{_BEGIN}{table}{_END}{tail}"


if __name__ == "__main__":
    TABLE_PATH.write_text(
        with_table(TABLE_PATH.read_text(encoding="utf-8"), table_source(slot_names_of_installed_torch())),
        encoding="utf-8",
    )

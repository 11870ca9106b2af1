"""The memory that a pass keeps, added up by line, by module or by op."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gradtrace.analysis.calls import called
from gradtrace.analysis.saved_memory import KeptStorage, Saver
from gradtrace.model import Location, Node
from gradtrace.model.format import CHECKPOINT


@dataclass(frozen=True, slots=True)
class Group:
    """Storages that belong together.

    Attributes:
        name: of the module or the op; empty for what belongs to none, and for lines.
        module_type: the class of a module, if it is known.
        location: the line, of a group by line.
        storages: those that the group saved first.
    """

    name: str
    module_type: str | None
    location: Location | None
    storages: tuple[KeptStorage, ...]

    @property
    def bytes(self) -> int:
        """All that it keeps."""
        return sum(one.bytes for one in self.storages)


def place(node: Node) -> Location | None:
    """The line that saved: where a library called torch, the library's."""
    return node.location if node.location is None else node.location.via or node.location


def keeper(saver: Saver) -> str:
    """What keeps a saved tensor: the op as the program called it, or a checkpoint that the op is a part of."""
    return "checkpoint" if saver.saved.name.startswith(CHECKPOINT) else called(saver.node)


def by_line(storages: Iterable[KeptStorage]) -> list[Group]:
    """A group for each line of source, the largest first."""
    return _grouped(storages, lambda one: ("", None, where.source_line if (where := place(one.node)) else None))


def by_module(storages: Iterable[KeptStorage]) -> list[Group]:
    """A group for each module, the innermost that saved, the largest first."""
    return _grouped(storages, lambda one: (one.node.module or "", one.node.module_type, None))


def by_alike_modules(storages: Iterable[KeptStorage]) -> list[Group]:
    """A group for each module, where those of a class whose paths differ in numbers alone are one: `layers.*.mlp`."""
    return _grouped(storages, lambda one: (alike(one.node.module or ""), one.node.module_type, None))


def alike(path: str) -> str:
    """A module's path with `*` for its numbers."""
    return ".".join("*" if step.isdecimal() else step for step in path.split("."))


def by_op(storages: Iterable[KeptStorage]) -> list[Group]:
    """A group for each op, as the program called it, the largest first."""
    return _grouped(storages, lambda saver: (keeper(saver), None, None))


_Key = tuple[str, str | None, object]


def _grouped(storages: Iterable[KeptStorage], key: Callable[[Saver], _Key]) -> list[Group]:
    found: dict[_Key, list[KeptStorage]] = {}
    for one in storages:
        found.setdefault(key(one.first), []).append(one)
    groups = [
        Group(name, kind, place(members[0].first.node) if where is not None else None, tuple(members))
        for (name, kind, where), members in found.items()
    ]
    return sorted(groups, key=lambda group: -group.bytes)

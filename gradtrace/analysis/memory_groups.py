"""The memory that a pass keeps, added up by line, by module or by op."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gradtrace.analysis.calls import called
from gradtrace.analysis.saved_memory import KeptStorage
from gradtrace.model import Location, Node


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


def by_line(storages: Iterable[KeptStorage]) -> list[Group]:
    """A group for each line of source, the largest first."""
    return _grouped(storages, lambda node: ("", None, where.source_line if (where := place(node)) else None))


def by_module(storages: Iterable[KeptStorage]) -> list[Group]:
    """A group for each module, the innermost that saved, the largest first."""
    return _grouped(storages, lambda node: (node.module or "", node.module_type, None))


def by_alike_modules(storages: Iterable[KeptStorage]) -> list[Group]:
    """A group for each module, where those of a class whose paths differ in numbers alone are one: `layers.*.mlp`."""
    return _grouped(storages, lambda node: (alike(node.module or ""), node.module_type, None))


def alike(path: str) -> str:
    """A module's path with `*` for its numbers."""
    return ".".join("*" if step.isdecimal() else step for step in path.split("."))


def by_op(storages: Iterable[KeptStorage]) -> list[Group]:
    """A group for each op, as the program called it, the largest first."""
    return _grouped(storages, lambda node: (called(node), None, None))


_Key = tuple[str, str | None, object]


def _grouped(storages: Iterable[KeptStorage], key: Callable[[Node], _Key]) -> list[Group]:
    found: dict[_Key, list[KeptStorage]] = {}
    for one in storages:
        found.setdefault(key(one.first.node), []).append(one)
    groups = [
        Group(name, kind, place(members[0].first.node) if where is not None else None, tuple(members))
        for (name, kind, where), members in found.items()
    ]
    return sorted(groups, key=lambda group: -group.bytes)

"""What is replaced in torch while something is recorded, and how it is put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_MISSING = object()


class Patches:
    """A set of replaced attributes and registered hooks that is installed whole or not at all."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        """Whether anything is installed."""
        return bool(self._undo)

    def replace(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        """Put a wrapper in the place of an attribute; somebody who replaces it after us keeps what he put there."""
        original = vars(owner)[name]
        wrapper = wrap(original)
        setattr(owner, name, wrapper)

        def restore() -> None:
            if vars(owner).get(name, _MISSING) is wrapper:
                setattr(owner, name, original)

        self._undo.append(restore)

    def define(self, owner: Any, name: str, value: Any) -> None:
        """Give a class an attribute of its own that it only inherits; raises `RuntimeError` if it has one."""
        if name in vars(owner):
            raise RuntimeError(f"{owner.__name__} has a {name} of its own")
        setattr(owner, name, value)

        def restore() -> None:
            if vars(owner).get(name, _MISSING) is value:
                delattr(owner, name)

        self._undo.append(restore)

    def add(self, undo: Callable[[], None]) -> None:
        """Note how to undo something that was installed otherwise."""
        self._undo.append(undo)

    def undo(self) -> None:
        """Put everything back, the latest first, each even if another fails."""
        failure: BaseException | None = None
        while self._undo:
            try:
                self._undo.pop()()
            except BaseException as error:
                failure = failure or error
        if failure is not None:
            raise failure

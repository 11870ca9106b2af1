"""What repeats from pass to pass, written once and from then on referred to by number.

Shapes with their dtypes, descriptions of nodes, and the columns of whole numbers of a pass: its graph, what was
measured before it ran, and what moved. A training step that does what the one before did adds its numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from hashlib import blake2b
from math import prod
from typing import TYPE_CHECKING, Any

import torch

from gradtrace.model.format import UNKNOWN_EXTENT
from gradtrace.model.kinds import Level
from gradtrace.recorder import torch_facts
from gradtrace.recorder.columns import Columns, Named, packed

if TYPE_CHECKING:
    from gradtrace.recorder.journal import Journal

FLOATS = frozenset({torch.float32, torch.float64, torch.float16, torch.bfloat16})
"""What a column of doubles holds without loss."""
_WIDE = frozenset({torch.float32, torch.float64})
_MAX_KNOWN = 200_000
_MAX_TABLES = 20_000


class Spec:
    """A shape and a dtype, under the number by which lines refer to them.

    Attributes:
        is_small_float: tensors of this kind are recorded with all their values, which doubles hold.
        is_large_float: they are too large for that, and their dtype is wide enough to add up their squares.
    """

    __slots__ = ("is_large_float", "is_small_float", "number", "numel")

    def __init__(self, number: int, numel: int, *, is_small_float: bool, is_large_float: bool) -> None:
        self.number = number
        self.numel = numel
        self.is_small_float = is_small_float
        self.is_large_float = is_large_float


class Tables:
    """Numbers of one stream."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._specs: dict[tuple[tuple[int, ...], torch.dtype], Spec] = {}
        self._kinds: dict[Hashable, int] = {}
        self._wheres: dict[Hashable, int] = {}
        self._tables: dict[bytes, int] = {}
        self._step_forms: dict[bytes, int] = {}
        self._described: list[tuple[list[int], str]] = []
        self.numels: list[int] = []
        """How many elements a tensor of each spec has."""
        self._n_kinds = self._n_tables = self._n_step_forms = 0
        self._halves: set[int] = set()

    def spec(self, shape: tuple[int, ...], dtype: torch.dtype) -> Spec:
        """A shape and a dtype."""
        try:
            known = self._specs.get((shape, dtype))
        except TypeError:  # its extents are symbols
            known = None
        return self._new_spec(shape, dtype) if known is None else known

    def _new_spec(self, shape: tuple[int, ...], dtype: torch.dtype) -> Spec:
        extents = torch_facts.extents(shape)
        known = self._specs.get((extents, dtype))  # those of nested tensors are new ones in each
        if known is not None:
            return known
        numel = prod(extents) if UNKNOWN_EXTENT not in extents else UNKNOWN_EXTENT
        if len(self._specs) >= _MAX_KNOWN:
            self._specs.clear()
        number = len(self._described)
        self.numels.append(numel)
        self._described.append((list(extents), torch_facts.short_dtype(dtype)))
        if dtype is torch.float16:
            self._halves.add(number)
        self._journal.write({"t": "spec", "id": number, "shape": extents, "dtype": self._described[-1][1]})
        config = self._journal.config
        is_small = 0 <= numel <= config.value_limit and config.level != Level.STRUCTURE
        made = self._specs[extents, dtype] = Spec(
            number,
            numel,
            is_small_float=is_small and dtype in FLOATS,
            is_large_float=numel > config.value_limit and dtype in _WIDE,
        )
        return made

    @property
    def has_half(self) -> bool:
        """Whether any tensor is of half precision, in which small numbers are zero."""
        return bool(self._halves)

    def is_half(self, spec: int) -> bool:
        """Whether a spec is of half precision."""
        return spec in self._halves

    def described(self, spec: int) -> tuple[list[int], str]:
        """Shape and dtype of a number."""
        return self._described[spec]

    def where_number(self, words: Hashable) -> int:
        """A number for where nodes come from, the same in each pass."""
        return self._wheres.setdefault(words, len(self._wheres))

    def known_kind(self, key: Hashable) -> int | None:
        """The number of a description of nodes, if it is written down already."""
        return self._kinds.get(key)

    def new_kind(self, key: Hashable, fields: dict[str, Any]) -> int:
        """Write down a description of nodes."""
        if len(self._kinds) >= _MAX_KNOWN:
            self._kinds.clear()
        number, self._n_kinds = self._n_kinds, self._n_kinds + 1
        self._journal.write({"t": "node_kind", "id": number, **fields})
        self._kinds[key] = number
        return number

    def step_form(self, text: str, put: Callable[[str], None]) -> int:
        """What steps have in common, fields in JSON; `put` writes the line where it is not known."""
        digest = blake2b(text.encode(), digest_size=16).digest()
        known = None if self._journal.keeps_latest else self._step_forms.get(digest)
        if known is None:
            if len(self._step_forms) >= _MAX_TABLES:
                self._step_forms.clear()
            known = self._step_forms[digest] = self._n_step_forms
            self._n_step_forms += 1
            put(f'{{"t":"step_form","id":{known},{text}}}')
        return known

    def table(self, kind: str, columns: Columns, **fields: Any) -> int:
        """Columns of whole numbers, of the kind `graph`, `state` or `flow`."""
        named, data = packed(columns)
        if self._journal.keeps_latest:  # the file of the latest pass is written anew each time, with all that it needs
            return self._write(kind, fields, named, data)
        layout = blake2b(f"{kind}{named}{fields}".encode(), digest_size=16)
        layout.update(data)
        digest = layout.digest()
        known = self._tables.get(digest)
        if known is None:
            if len(self._tables) >= _MAX_TABLES:
                self._tables.clear()
            known = self._tables[digest] = self._write(kind, fields, named, data)
        return known

    def _write(self, kind: str, fields: dict[str, Any], named: list[Named], data: bytes) -> int:
        number, self._n_tables = self._n_tables, self._n_tables + 1
        self._journal.write_pass({"t": kind, "id": number, **fields, "columns": named}, data)
        return number

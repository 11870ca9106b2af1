"""From the lines that are written for a diagnosis to the facts of the model."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import replace
from functools import singledispatchmethod
from typing import Any

from gradtrace.model import (
    Bystander,
    ConstantTerm,
    EmptyClipping,
    GradUse,
    Holder,
    Location,
    Lookalike,
    LostMask,
    MaskingHook,
    ModuleFact,
    Move,
    MovingNorm,
    NonFinite,
    Sharing,
    Variable,
)
from gradtrace.recording.damage import Damage
from gradtrace.recording.definitions import Definitions
from gradtrace.recording.measured import number, stats
from gradtrace.recording.records import (
    BystanderRecord,
    ConstantTermRecord,
    EmptyClippingRecord,
    GradUseRecord,
    HolderRecord,
    LookalikeRecord,
    LostMaskRecord,
    MaskingHookRecord,
    ModuleFactRecord,
    MovesRecord,
    MovingNormRecord,
    NonFiniteRecord,
    Record,
    SharingRecord,
    VariableRecord,
)


class FactBuilder:
    """Takes the facts of a process in order; every method that takes one raises `Damage`.

    Args:
        cuts: the cuts of the process that are known already, by the ids of its lines.
        first_cut: what is added to such an id in the trace.
    """

    def __init__(self, process: int, known: Definitions, cuts: Container[int], first_cut: int) -> None:
        self._process = process
        self._known = known
        self._cuts = cuts
        self._first_cut = first_cut
        self._found: dict[str, dict[int, Any]] = {}
        """By field of `Trace`, and by id where a later line replaces an earlier one."""

    def all(self, numbered: Callable[[int], int]) -> dict[str, tuple[Any, ...]]:
        """The facts by field of `Trace`; `numbered` gives a pass its number over the run."""
        return {
            name: tuple(_renumbered(one, numbered) for one in found.values()) for name, found in self._found.items()
        }

    def _add(self, field: str, fact: Any, key: int | None = None) -> None:
        found = self._found.setdefault(field, {})
        found[len(found) if key is None else key] = fact

    def _leaves(self, numbers: Iterable[int]) -> tuple[int, ...]:
        return tuple(map(self._known.leaves.__getitem__, numbers))

    def _place(self, number_of: int | None) -> Location | None:
        place: Location | None = self._known.places[number_of]
        return place

    def _cut(self, number_of: int | None) -> int | None:
        if number_of is not None and number_of not in self._cuts:
            raise Damage(f"there is no cut {number_of}")
        return None if number_of is None else self._first_cut + number_of

    @singledispatchmethod
    def take(self, record: Record) -> None:
        """Add what one line says."""
        raise Damage(f"a {type(record).__struct_config__.tag!r} line does not belong here")

    @take.register
    def _(self, record: NonFiniteRecord) -> None:
        output, *inputs = (
            stats(row, self._known.dtypes, self._known.shared) for row in (record.output, *record.inputs)
        )
        if output is None:
            raise Damage("a result that is not finite has no statistics")
        fact = NonFinite(
            call=record.call,
            location=self._place(record.location),
            output=output,
            inputs=tuple(one for one in inputs if one is not None),
            name=record.name,
            module=record.module,
            before_pass=record.before_pass,
            count=record.count,
            is_tracked=record.is_tracked,
            is_exact=record.is_exact,
            process=self._process,
            is_given=record.is_given,
        )
        self._add("non_finite", fact, record.id)

    @take.register
    def _(self, record: ConstantTermRecord) -> None:
        fact = ConstantTerm(
            call=record.call,
            location=self._place(record.location),
            name=record.name,
            entered=self._place(record.entered),
            passes=tuple(record.passes),
            count=record.count,
            n_tracked=record.n_tracked,
            process=self._process,
        )
        self._add("constant_terms", fact, record.id)

    @take.register
    def _(self, record: HolderRecord) -> None:
        fact = Holder(
            name=record.name,
            kind=record.kind,
            location=self._place(record.location),
            n_tensors=record.n_tensors,
            n_nodes=record.n_nodes,
            n_passes=record.n_passes,
            pass_index=record.pass_index,
            process=self._process,
            made=self._place(record.made),
        )
        self._add("holders", fact)

    @take.register
    def _(self, record: ModuleFactRecord) -> None:
        fact = ModuleFact(
            kind=record.kind,
            module=record.module,
            module_type=record.module_type,
            attribute=record.attribute,
            count=record.count,
            leaves=self._leaves(record.leaves),
            process=self._process,
        )
        self._add("module_facts", fact)

    @take.register
    def _(self, record: LookalikeRecord) -> None:
        fact = Lookalike(
            attribute=record.attribute,
            value=record.value,
            module=record.module,
            module_type=record.module_type,
            leaves=self._leaves(record.leaves),
            is_stepped=record.is_stepped,
            location=self._place(record.location),
            process=self._process,
        )
        self._add("lookalikes", fact)

    @take.register
    def _(self, record: MovingNormRecord) -> None:
        fact = MovingNorm(
            module=record.module,
            module_type=record.module_type,
            leaves=self._leaves(record.leaves),
            n_around=record.n_around,
            count=record.count,
            pass_index=record.pass_index,
            location=self._place(record.location),
            is_frozen=record.is_frozen,
            process=self._process,
        )
        self._add("moving_norms", fact, record.id)

    @take.register
    def _(self, record: MaskingHookRecord) -> None:
        (leaf,), place = self._leaves([record.leaf]), self._place(record.location)
        self._add("masking_hooks", MaskingHook(leaf, record.zeroed_rows, record.pass_index, place, self._process))

    @take.register
    def _(self, record: LostMaskRecord) -> None:
        (leaf,) = self._leaves([record.leaf])
        fact = LostMask(
            leaf=leaf,
            n_zeros=record.n_zeros,
            n_back=record.n_back,
            is_late=record.is_late,
            pass_index=record.pass_index,
            location=self._place(record.location),
            process=self._process,
        )
        self._add("lost_masks", fact)

    @take.register
    def _(self, record: SharingRecord) -> None:
        fact = Sharing(
            kind=record.kind,
            call=record.call,
            location=self._place(record.location),
            made=self._place(record.made),
            leaves=self._leaves(record.leaves),
            n_tensors=record.n_tensors,
            n_steps=record.n_steps,
            count=record.count,
            cut=self._cut(record.cut),
            is_tracked=record.is_tracked,
            pass_index=record.pass_index,
            process=self._process,
        )
        self._add("sharings", fact, record.id)

    @take.register
    def _(self, record: VariableRecord) -> None:
        fact = Variable(
            name=record.name,
            kind=record.kind,
            type=record.type,
            text=record.text,
            leaves=self._leaves(record.leaves),
            location=self._place(record.location),
            process=self._process,
        )
        self._add("variables", fact)

    @take.register
    def _(self, record: BystanderRecord) -> None:
        fact = Bystander(
            name=record.name,
            kind=record.kind,
            shape=record.shape,
            dtype=self._known.dtypes[record.dtype],
            device=self._known.devices[record.device],
            requires_grad=record.requires_grad,
            is_leaf=record.is_leaf,
            pass_index=record.pass_index,
            location=self._place(record.location),
            cut=self._cut(record.cut),
            process=self._process,
        )
        self._add("bystanders", fact)

    @take.register
    def _(self, record: GradUseRecord) -> None:
        fact = GradUse(
            record.pass_index,
            self._leaves(record.leaves),
            self._place(record.location),
            record.iterator,
            self._place(record.again),
            record.in_vain,
            self._process,
        )
        self._add("grad_uses", fact)

    @take.register
    def _(self, record: MovesRecord) -> None:
        for row in record.rows:
            change = number(row.change)
            if change is not None:
                (leaf,) = self._leaves([row.leaf])
                self._add("moves", Move(leaf, record.pass_index, change, row.along, self._process))

    @take.register
    def _(self, record: EmptyClippingRecord) -> None:
        place = self._place(record.location)
        fact = EmptyClipping(record.pass_index, record.call, place, record.n_parameters, self._process)
        self._add("empty_clippings", fact)


def _renumbered(fact: Any, numbered: Callable[[int], int]) -> Any:
    """The fact with pass indices over the run."""
    if isinstance(fact, NonFinite):
        return replace(fact, before_pass=numbered(fact.before_pass))
    if isinstance(fact, ConstantTerm):
        return replace(fact, passes=tuple(map(numbered, fact.passes)))
    return replace(fact, pass_index=numbered(fact.pass_index)) if hasattr(fact, "pass_index") else fact

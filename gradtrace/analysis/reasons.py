"""Why a tensor has the gradient that it has, or where exactly it was lost: what `gradtrace why` answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gradtrace.analysis.paths import is_zero, ways
from gradtrace.analysis.ranks import added_by_rank
from gradtrace.analysis.reasons_answer import HAS_GRADIENT, Answer, Reason, Subject
from gradtrace.analysis.reasons_case import leaf_nodes
from gradtrace.analysis.reasons_findings import with_findings
from gradtrace.analysis.reasons_leaf import leaf_subject
from gradtrace.analysis.reasons_lost import lost, nearest_place
from gradtrace.analysis.reasons_names import Value, meant_by
from gradtrace.analysis.source_names import named_at
from gradtrace.analysis.source_slice import goes_to
from gradtrace.analysis.topology import reachable
from gradtrace.errors import UnknownNameError
from gradtrace.model import Bystander, Cut, EventKind, Leaf, Location, Trace

__all__ = ["HAS_GRADIENT", "Answer", "Reason", "Subject", "grouped", "why", "why_leaves"]

_TOLD_BY_WAYS = 20
"""For more leaves at once nobody reads by which ways each got its gradient, and to find out takes time."""


def why(trace: Trace, name: str, folders: Sequence[Path] = ()) -> Answer:
    """Answers for every tensor that bears a name, or says what the name stands for.

    Args:
        trace: the run, with its findings if they are to be told.
        name: a variable (`x`), a leaf (`fc1.weight`), a pattern (`encoder.*`), a module (`encoder`, with all in it), or
            a place (`train.py:18`).
        folders: where sources may be opened, for names that stand for no tensor that was seen.

    Raises:
        UnknownNameError: when nothing bears it; the text says which names come close.
    """
    try:
        meant = meant_by(trace, name)
    except UnknownNameError:
        found = _by_the_source(trace, name, folders)
        if found is None:
            raise
        return Answer(name, found)
    subjects = _of_leaves(trace, meant.leaves)
    subjects += [_value_subject(trace, value) for value in meant.values]
    subjects += [_constant(trace, cut) for cut in {(cut.kind, cut.location): cut for cut in meant.cuts}.values()]
    subjects += [_aside(trace, one) for one in meant.bystanders]
    subjects += [
        Subject(one.name, "name", Reason.VARIABLE, place=one.location, variable=one) for one in meant.variables
    ]
    if meant.error is not None:
        subjects.append(_not_reached(trace, name, meant.error))
    subjects = [with_findings(trace, _with_place(trace, _of_ranks(trace, one), folders)) for one in subjects]
    return Answer(name, tuple(_grouped(_without_namesakes(subjects))))


def why_leaves(trace: Trace, leaves: Sequence[Leaf], folders: Sequence[Path] = ()) -> tuple[Subject, ...]:
    """The answer for each of these leaves, in order and not grouped.

    Args:
        trace: the run, with its findings if they are to be told.
        leaves: leaves of the trace.
        folders: where sources may be opened.
    """
    return tuple(with_findings(trace, _with_place(trace, one, folders)) for one in _of_leaves(trace, leaves))


def _of_leaves(trace: Trace, leaves: Sequence[Leaf]) -> list[Subject]:
    nodes, has_ways = leaf_nodes(trace), len(leaves) <= _TOLD_BY_WAYS
    return [leaf_subject(trace, leaf, nodes, has_ways=has_ways) for leaf in leaves]


def grouped(name: str, subjects: Iterable[Subject]) -> Answer:
    """One answer from several; what is lost for the very same reason is told once."""
    return Answer(name, tuple(_grouped(subjects)))


_TAILS = (".data", ".grad", ".T", ".mT", ".detach()", ".item()", ".numpy()", ".grad.data", ".grad_fn", ".requires_grad")


def _by_the_source(trace: Trace, name: str, folders: Sequence[Path]) -> tuple[Subject, ...] | None:
    """What a name stands for that no tensor was seen to bear: one that is left without its tail, or one of a source."""
    plain = name.strip()
    for tail in _TAILS:
        if plain.endswith(tail):
            with suppress(UnknownNameError):
                return why(trace, plain.removesuffix(tail), folders).subjects
    place = named_at(trace, plain, folders)
    if place is None:
        whole = re.sub(r"(\[[^\[\]]*\])+$", "", plain)
        whole = plain.rpartition(".")[0] if whole == plain and _is_no_tensor(trace, plain) else whole
        if whole not in (plain, ""):
            with suppress(UnknownNameError):
                return why(trace, whole, folders).subjects
        return None
    at_line = f"{place.file}:{place.line}"
    if not place.text.lstrip().startswith(("def ", "async def ", "for ")):
        with suppress(UnknownNameError):
            found = why(trace, at_line, folders).subjects
            if any(one.reason is not Reason.CONSTANT or _is_given(one, plain) for one in found):
                return found
    return (Subject(plain, "name", Reason.NOT_SEEN, place=place),)


def _is_given(one: Subject, name: str) -> bool:
    """Whether the line of a cut gives what it cut off to this name."""
    return one.place is not None and name in goes_to(one.place)


def _is_no_tensor(trace: Trace, name: str) -> bool:
    """Whether what stands before the last dot is known to be no tensor: an optimizer, a list."""
    return any(one.name == name.rpartition(".")[0] for one in trace.variables)


def _with_place(trace: Trace, one: Subject, folders: Sequence[Path]) -> Subject:
    """With the line that gives the name a value, where the recording does not know it."""
    if one.place is not None or one.reason not in (Reason.BYSTANDER, Reason.VARIABLE):
        return one
    place = named_at(trace, one.name, folders)
    if place is None or one.bystander is None:
        return replace(one, place=place)
    return replace(one, place=place, bystander=replace(one.bystander, location=place))


def _of_ranks(trace: Trace, one: Subject) -> Subject:
    """With what other ranks added, where they made one gradient of it together."""
    if one.leaf is None or trace.whole is None:
        return one
    first = one.backward.index if one.backward is not None else 0
    for each in trace.passes:
        if each.index < first:
            continue
        row = next((row for row in each.accumulations if row.leaf == one.leaf.id and row.reduced is not None), None)
        if row is not None:
            by_rank = added_by_rank(trace, each, one.leaf.id)
            return replace(one, reduced=row.reduced, reduced_in=each.index, by_rank=by_rank, reduced_to=row.after)
    return one


def _value_subject(trace: Trace, value: Value) -> Subject:
    """A result is not a leaf: what went through it, and whether anything keeps that."""
    one, node = value.backward, value.node
    output = next((out for out in node.outputs if out.index == value.output), None)
    received = output.received if output is not None else None
    leaves = {value.graph.nodes[id_].leaf for id_ in reachable(value.graph, [node.id])}
    is_kept = output is not None and output.retains_grad
    subject = Subject(
        value.name,
        "value",
        Reason.RETAINED if is_kept else Reason.NOT_RETAINED,
        node=node.id,
        output=value.output,
        backward=one,
        gradient=received,
        place=node.location,
        ways=ways(one, node.id, value.output),
        sources=tuple(leaf for leaf in trace.leaves if leaf.id in leaves),
        read=_read(trace, value.name, is_leaf=False),
        error=trace.run.error,
    )
    if one.is_drawn_only:
        return replace(subject, reason=Reason.NO_BACKWARD)
    if received is not None and is_zero(received):
        return lost(replace(subject, reason=Reason.ZERO), one, node.id)
    if received is None and one.error is not None:
        culprit = nearest_place(value.graph, one.error.node) if one.error.node is not None else None
        place = value.graph.nodes[culprit].location if culprit is not None else None
        return replace(subject, reason=Reason.FAILED, culprit=culprit, place=place or one.location)
    return subject


def _read(trace: Trace, name: str, *, is_leaf: bool) -> Location | None:
    """Where the program read a `.grad` and found None: the source says whose (`net.maps.grad` of `self.maps`)."""
    last = re.compile(rf"(^|\W){re.escape(name.rpartition('.')[2])}\.grad$")
    for event in trace.events:
        place = event.location
        if event.kind != EventKind.GRAD_READ or bool(event.is_leaf) != is_leaf or place is None:
            continue
        source = place.text.split("\n", 1)[0][place.column - 1 : max(place.end_column - 1, 0)]
        if last.search(source):
            return place
    return None


def _constant(trace: Trace, cut: Cut) -> Subject:
    """A result that was cut off, by its name, else what its line gives it to."""
    given = sorted(goes_to(cut.location)) if cut.location is not None else []
    return Subject(
        cut.name or next(iter(given), f"what {cut.call}() gives"),
        "value",
        Reason.CONSTANT,
        place=cut.location,
        cuts=(cut,),
        sources=tuple(leaf for leaf in trace.leaves if leaf.id in cut.leaves),
        backward=next((one for one in trace.passes if one.index in cut.passes), None),
    )


def _aside(trace: Trace, one: Bystander) -> Subject:
    """A tensor that takes no part: the cut that it comes from, or what it is."""
    cut = next((cut for cut in trace.cuts if cut.id == one.cut), None)
    if cut is not None:
        return replace(_constant(trace, cut), name=one.name, bystander=one)
    backward = next((each for each in trace.passes if each.index == one.pass_index), None)
    return Subject(
        one.name,
        "tensor",
        Reason.BYSTANDER,
        backward=backward,
        place=one.location,
        bystander=one,
        read=_read(trace, one.name, is_leaf=one.is_leaf),
        error=trace.run.error,
    )


def _not_reached(trace: Trace, name: str, place: Location) -> Subject:
    """The program ended at a line that speaks of it."""
    one = next((each for each in reversed(trace.passes) if each.error is not None), None)
    return Subject(name, "value", Reason.FAILED, place=place, backward=one, error=trace.run.error)


def _without_namesakes(subjects: Iterable[Subject]) -> list[Subject]:
    """Of the leaves with a gradient that a program makes anew under one name, the first stands for all."""
    groups: dict[object, list[Subject]] = {}
    for number, one in enumerate(subjects):
        leaf = one.leaf
        is_alike = one.reason in (Reason.GRADIENT, Reason.NOT_STORED)
        key = (one.reason, one.name, leaf.kind, leaf.location, leaf.optimizers) if leaf and is_alike else number
        groups.setdefault(key, []).append(one)
    return [replace(members[0], n_namesakes=len(members) - 1) for members in groups.values()]


def _grouped(subjects: Iterable[Subject]) -> list[Subject]:
    """Tensors without a gradient for the very same reason are one answer; nothing is said twice."""
    groups: dict[object, list[Subject]] = {}
    for subject in subjects:
        groups.setdefault(_key(subject), []).append(subject)
    return [
        replace(members[0], same=tuple(dict.fromkeys(member.name for member in members[1:])))
        for members in groups.values()
    ]


def _key(subject: Subject) -> object:
    if subject.reason in HAS_GRADIENT or subject.leaf is None:
        return (subject.name, subject.kind, subject.leaf and subject.leaf.id, subject.place, subject.node)
    leaf: Leaf | None = subject.leaf
    culprit = subject.culprit if subject.reason is not Reason.UNUSED else None
    index = subject.backward.index if subject.backward is not None else 0
    module = leaf.name.rpartition(".")[0] if leaf and subject.reason in (Reason.UNUSED, Reason.OUTSIDE) else ""
    return (subject.reason, subject.place, culprit, index, subject.cuts[:1], module, subject.findings)

"""The verdicts of the ledger in words."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gradtrace.analysis.ledger import Actor, LeafGroup, Pattern, Verdict
from gradtrace.model import Leaf, LeafKind, OptimizerInfo, Run
from gradtrace.text import wording

_NAMED = 3
"""So many leaves are called by their names; more are counted."""


def verdict(one: Verdict) -> str:
    """What happened to a leaf's `.grad`: `zeroed before each of 3 passes by SGD.zero_grad at train.py:14`."""
    return _SENTENCES[one.pattern](one) + _rate(one) + _modified(one) + _never_stepped(one) + _since(one)


def _rate(one: Verdict) -> str:
    """A step with a learning rate of 0 moves nothing."""
    if not one.n_zero_rates:
        return ""
    which = "" if one.n_zero_rates >= one.n_steps else f" in the {wording.count(one.n_zero_rates, 'step')} looked at"
    return f", with a learning rate of 0{which}"


def _never_stepped(one: Verdict) -> str:
    """Nobody ever reads what adds up."""
    return ", and step() of its optimizer is never called" if one.is_never_stepped else ""


def told(groups: Sequence[LeafGroup], optimizers: Sequence[OptimizerInfo], run: Run | None = None) -> tuple[str, str]:
    """Whose verdict it is, and the verdict; of tensors that are made anew under one name, that of them all."""
    first = groups[0]
    who = subject(first, optimizers, run)
    if len(groups) == 1:
        return who, verdict(first.verdict)
    n_leaves = sum(len(group.leaves) for group in groups)
    names = list(dict.fromkeys(leaf.name for leaf in first.leaves))
    called = f"{wording.listing(names)} ({wording.count(n_leaves, 'tensor')} in turn)"
    many = f"{wording.count(n_leaves, _kind(first.leaves))}, {len(first.leaves):,} at a time,"
    owned = who.partition(" of ")
    who = f"{called if len(names) <= _NAMED else many}{owned[1]}{owned[2]}".rstrip(",")
    if len({verdict(group.verdict) for group in groups}) == 1:
        return who, f"each {verdict(first.verdict)}"
    if first.verdict.pattern is Pattern.SINGLE:
        passes = sorted({index for group in groups for index in group.verdict.passes})
        only = verdict(replace(first.verdict, passes=(0,)))
        only = only.replace("pass 0 alone added to .grad", "one pass alone added to the .grad of each", 1)
        return who, f"{only} ({wording.passes(passes)})"
    return who, f"of the first, {verdict(first.verdict)}; the others likewise"


def alike(groups: Sequence[LeafGroup], optimizers: Sequence[OptimizerInfo]) -> list[list[LeafGroup]]:
    """Groups of leaves together that bear the same names, are held from the same lines and have the same pattern."""
    places = {owner.id: (owner.type, owner.location) for owner in optimizers}
    found: dict[object, list[LeafGroup]] = {}
    for group in groups:
        names = frozenset(leaf.name for leaf in group.leaves)
        held = frozenset(places.get(owner) for owner in group.optimizers)
        found.setdefault((names, held, group.process, group.verdict.pattern), []).append(group)
    return list(found.values())


def subject(group: LeafGroup, optimizers: Sequence[OptimizerInfo], run: Run | None = None) -> str:
    """Whose verdict it is: `w and b`, `148 parameters of AdamW (train.py:9)`.

    Args:
        group: leaves with one verdict.
        optimizers: those of the run.
        run: tells which rank a process is.
    """
    leaves = group.leaves
    who = (
        wording.listing([leaf.name for leaf in leaves])
        if len(leaves) <= _NAMED
        else wording.count(len(leaves), _kind(leaves))
    )
    owners = [owner for owner in optimizers if owner.id in group.optimizers]
    if owners:
        who += f" of {wording.listing([_owner(owner) for owner in owners])}"
    return in_process(who, group.process, run)


def in_process(who: str, process: int, run: Run | None) -> str:
    """Who it is, and in which process: on which rank where there are ranks; that of the program needs no word."""
    if run is not None and run.has_ranks:
        return f"{who} on {run.name_of(process)}"
    return f"{who} in process {process}" if process else who


def actors(acting: Sequence[Actor]) -> str:
    """Who did something and where: ` by SGD.zero_grad at train.py:14`; empty when nobody was seen."""
    seen = [f"{actor.call}{wording.at(actor.location)}".strip() for actor in acting]
    texts = list(dict.fromkeys(text for text in seen if text))
    if not texts:
        return ""
    return f" {wording.listing(texts)}" if texts[0].startswith("at ") else f" by {wording.listing(texts)}"


def _owner(optimizer: OptimizerInfo) -> str:
    place = wording.location(optimizer.location)
    return f"{optimizer.type} ({place})" if place else optimizer.type


def _kind(leaves: Sequence[Leaf]) -> str:
    kinds = {leaf.kind for leaf in leaves}
    return kinds.pop() if len(kinds) == 1 and kinds <= {LeafKind.PARAMETER, LeafKind.BUFFER} else "leaf"


def _passes(one: Verdict) -> str:
    """The passes by number, or how many where some are only counted."""
    if len(one.passes) < one.n_passes:
        return wording.count(one.n_passes, "pass")
    return wording.passes(one.passes)


def _nothing(one: Verdict) -> str:
    del one
    return "took part in the graph, and no gradient arrived"


def _from_others(one: Verdict) -> str:
    del one
    return "no gradient arrived on this rank; other ranks had one, which is shared with it"


def _put_there(one: Verdict) -> str:
    del one
    return "no gradient arrived by the graph; one was put into .grad while the pass ran, as what shards a model does"


def _absent(one: Verdict) -> str:
    del one
    return "not in the graph of any recorded pass"


def _not_stored(one: Verdict) -> str:
    times = f", {_times(one.n_not_stored)}" if one.n_not_stored > 1 else ""
    return f"no .grad: autograd.grad returned it{times}"


def _single(one: Verdict) -> str:
    before = f"; zeroed before it{actors(one.clearers)}" if one.is_cleared_before_first else ""
    after = f", then zeroed{actors(one.clearers)}" if one.cleared_after_last and not before else ""
    return f"{_passes(one)} alone added to .grad{before}{_read(one)}{after}"


def _zeroed(one: Verdict) -> str:
    each = wording.count(one.n_passes, "pass")
    if one.is_cleared_before_first:
        when = f"before each of {each}"
    elif one.cleared_after_last:
        when = f"after each of {each}"
    else:
        when = f"between its {each}"
    return f"zeroed {when}{actors(one.clearers)}{_read(one)}"


def _accumulates(one: Verdict) -> str:
    at_once = one.window == one.n_passes
    over = _passes(one) if at_once else f"{wording.count(one.window, 'pass')} at a time ({_passes(one)})"
    places = f" from {wording.listing(list(map(wording.location, one.places)))}" if len(one.places) > 1 else ""
    step = f", step() after the {wording.ordinal(one.step_after)}" if one.step_after else _read(one)
    clears = bool(one.clearers) and (one.cleared_after_last or not at_once)
    return f"accumulates over {over}{places}{step}{f', then zeroed{actors(one.clearers)}' if clears else ''}"


def _never_zeroed(one: Verdict) -> str:
    return f"accumulates over {_passes(one)} and is never zeroed{_read(one)}"


def _irregular(one: Verdict) -> str:
    inner = one.cleared_before[1:] if one.is_cleared_before_first else one.cleared_before
    if len(inner) == 1:
        when = f"once, before pass {inner[0]},"
    else:
        when = f"before passes {wording.ranges(inner)} of {wording.count(one.n_passes, 'pass')}"
    return f"zeroed {when}{actors(one.clearers)}".rstrip(",") + _read(one)


def _read(one: Verdict) -> str:
    """What step() did with it."""
    if not one.n_steps:
        return ""
    where = actors(one.steppers).removeprefix(" by ")
    places = [wording.at(actor.location) for actor in one.steppers if actor.location]
    place = places[0] if len(places) == 1 else f" ({where})" if len(one.steppers) > 1 else ""
    if one.n_passes == 1:
        return f", read by step(){place}"
    when = {1: "after each pass", None: _times(one.n_steps)}.get(
        one.steps_each, f"after every {wording.ordinal(one.steps_each or 0)} pass"
    )
    return f", read by step(){place} {when}"


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, wording.count(n, "time"))


def _modified(one: Verdict) -> str:
    if not one.n_modified:
        return ""
    return f", changed{actors(one.modifiers)}"


def _since(one: Verdict) -> str:
    """Before it was first seen, it may have been used in passes that were only counted."""
    return f" (seen from pass {one.since} on)" if one.since is not None else ""


_SENTENCES: dict[Pattern, Callable[[Verdict], str]] = {
    Pattern.ABSENT: _absent,
    Pattern.NOTHING: _nothing,
    Pattern.FROM_OTHERS: _from_others,
    Pattern.PUT_THERE: _put_there,
    Pattern.NOT_STORED: _not_stored,
    Pattern.SINGLE: _single,
    Pattern.ZEROED: _zeroed,
    Pattern.ACCUMULATES: _accumulates,
    Pattern.NEVER_ZEROED: _never_zeroed,
    Pattern.IRREGULAR: _irregular,
}

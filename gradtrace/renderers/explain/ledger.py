"""The ledger of a run as a table: for each pass what was in `.grad`, what came, what was there then, who touched it.

Numbers stand only where they were measured: of a pass of which only the ledger is known it says no more than that it
added.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from gradtrace.analysis.by_value import concerned as of_event
from gradtrace.analysis.leaf_order import natural
from gradtrace.analysis.ledger import History, Ledger
from gradtrace.model import CLEARING, Accumulation, BackwardPass, Effect, Event, EventKind, Recorded, TensorStats, Trace
from gradtrace.text import wording
from gradtrace.text.added import MARK, is_sum, remark, told
from gradtrace.text.blocks import Block, Cell, Paragraph, Table
from gradtrace.text.terminal import natural_width
from gradtrace.text.verdicts import in_process

_MOST_LEAVES = 3
"""So many leaves get a column each; more are told by module."""

_FIRST_ROWS = 4
_MOST_ROWS = 6
_MOST_MODULES = 12
_MOST_COLUMNS = 3


Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class _Act:
    """An event and the leaves whose `.grad` it concerns, of those that are told."""

    event: Event
    leaves: frozenset[int]


@dataclass(slots=True)
class _Moment:
    """A pass and what stands around it: events before it that clear, events after it that read or change."""

    one: BackwardPass
    before: list[_Act] = field(default_factory=list)
    after: list[_Act] = field(default_factory=list)


def ledger_table(trace: Trace, ledger: Ledger, width: int, *, verbose: bool = False) -> Iterator[Block]:
    """A row for each pass where leaves are few, else a row for each module; nothing for a single pass."""
    ordered = sorted(ledger.histories, key=lambda history: natural(history.leaf))
    stored = [
        history
        for history in ordered
        if any(entry.accumulation.effect != Effect.NOT_STORED for entry in history.contributions)
    ]
    moments = _moments(trace, ledger, stored)
    if len(moments) < 2 and all(moment.one.count == 1 for moment in moments):  # noqa: PLR2004
        return
    shown: list[Table] = []
    n_shown = n_passes = sum(moment.one.count for moment in moments)
    if len(stored) <= _MOST_LEAVES:
        table = _by_pass(trace, stored, moments, verbose=verbose)
        is_fitting = natural_width(table) <= width
        shown.append(table if is_fitting else _by_leaf(trace, stored, moments, verbose=verbose))
    elif found := _by_module(stored, moments, width):
        shown.append(found[0])
        n_shown = found[1]
    for table in shown:
        yield table
        yield from remark(trace, table)
    if n_shown < n_passes:
        yield Paragraph(
            f"The table leaves out {wording.count(n_passes - n_shown, 'pass')}: --pass N tells one.", style="muted"
        )


def _moments(trace: Trace, ledger: Ledger, histories: list[History]) -> list[_Moment]:
    """The passes that stored something, in order, each with its events."""
    concerned = {history.leaf.id for history in histories}
    passes = [
        one
        for one in trace.passes
        if not one.is_drawn_only
        and any(row.leaf in concerned and row.effect != Effect.NOT_STORED for row in one.accumulations)
    ]
    moments = [_Moment(one) for one in passes]
    indices = [one.index for one in passes]
    for event in ledger.events:
        act = _Act(event, frozenset(of_event(trace, event)) & concerned)
        position = bisect_right(indices, event.pass_index)
        if not act.leaves:
            continue
        if event.kind in CLEARING and position < len(moments):
            moments[position].before.append(act)
        elif event.kind in {*CLEARING, EventKind.STEP, EventKind.GRAD_MODIFIED} and position:
            moments[position - 1].after.append(act)
    return moments


def _by_pass(trace: Trace, histories: list[History], moments: list[_Moment], *, verbose: bool) -> Table:
    whose = [in_process(f"{history.leaf.name}.grad", history.leaf.process, trace.run) for history in histories]
    header = ("pass", "before it", *whose, "then")
    rows = [(moment, _row(histories, moment)) for moment in moments]
    return Table(header, _shortened(rows, verbose=verbose))


def _shortened(rows: list[tuple[_Moment, Row]], *, verbose: bool) -> tuple[Row, ...]:
    """A row for each pass, one for neighbours of which nothing was measured and the same is told; of many the ends."""
    alike = [
        list(together)
        for _, together in groupby(
            enumerate(rows), lambda row: (row[1][1] if _is_counted(row[1][0]) else row[0], _is_counted(row[1][0]))
        )
    ]
    told: list[tuple[int, Row]] = []
    for together in alike:
        passes = [moment.one for _, (moment, _) in together]
        index = _range(passes[0].index, passes[-1].index + passes[-1].count - 1)
        told.append((sum(one.count for one in passes), (Cell(index, "muted"), *together[0][1][1])))
    if len(told) <= _MOST_ROWS or verbose:
        return tuple(row for _, row in told)
    hidden = sum(count for count, _ in told[_FIRST_ROWS:-1])
    return (*(row for _, row in told[:_FIRST_ROWS]), (Cell(f"… {hidden:,} more", "muted"),), told[-1][1])


def _is_counted(moment: _Moment) -> bool:
    """Whether nothing that the pass added was measured."""
    return all(row.contribution is None for row in moment.one.accumulations) and moment.one.recorded != Recorded.FULL


def _by_leaf(trace: Trace, histories: list[History], moments: list[_Moment], *, verbose: bool) -> Table:
    """The same for wide gradients: a row for each pass of each leaf."""
    rows: list[Row] = []
    for history in histories:
        name = in_process(history.leaf.name, history.leaf.process, trace.run)
        own: list[tuple[_Moment, Row]] = []
        is_short = _is_short(history)
        for moment in moments:
            row = next((one for one in moment.one.accumulations if one.leaf == history.leaf.id), None)
            if row is None or row.effect == Effect.NOT_STORED:
                continue
            own_leaf = {history.leaf.name: [history.leaf.id]}
            before, after = (_of([history.leaf.id], acts) for acts in (moment.before, moment.after))
            events = [f"after {_cleared(before, moment.one, own_leaf)}" if before else "", _then(after, own_leaf)]
            said = ", then ".join(text for text in events if text)
            columns = _columns(row, moment.one, is_short=is_short)
            own.append((moment, (*columns, Cell(said, "muted", _GUIDE))))
        if len(own) > _SEVERAL and len({row[-1].text for _, row in own[1:-1]}) == 1:
            own = [(moment, (*row[:-1], Cell(""))) for moment, row in own]  # each pass alike: the verdict has told it
        shown = _shortened(own, verbose=verbose)
        rows += [(Cell(name if number == 0 else "", "name"), *row) for number, row in enumerate(shown)]
    return Table(("leaf", "pass", ".grad before", "adds", ".grad after", ""), tuple(rows), below=5)


_GUIDE = " " * 6
_SEVERAL = 3
_SHORT = 16
"""A gradient whose text is longer is told by its norm beside the others of its leaf."""


def _is_short(history: History) -> bool:
    """Whether all that is known of its `.grad` can be written out, element by element."""
    rows = [entry.accumulation for entry in history.contributions]
    many = [stats for row in rows for stats in (row.before, row.contribution, row.after) if stats is not None]
    texts = [wording.gradient(stats) for stats in many]
    return all(len(text) <= _SHORT and not text.startswith("|") for text in texts)


def _columns(row: Accumulation, one: BackwardPass, *, is_short: bool) -> tuple[Cell, Cell, Cell]:
    if row.contribution is None or one.count > 1:
        return (Cell(""), _change(row, one), Cell(""))
    many = (row.before, row.contribution, row.after)
    before, added, after = map(wording.gradient if is_short else wording.gradient_norm, many)
    return (Cell(before), Cell(added, "gradient"), Cell(after if is_sum([row]) else f"{after}{MARK}"))


def _row(histories: list[History], moment: _Moment) -> Row:
    rows = {row.leaf: row for row in moment.one.accumulations}
    cells = [_change(rows.get(history.leaf.id), moment.one) for history in histories]
    leaves = _by_name(histories)
    return (Cell(_cleared(moment.before, moment.one, leaves)), *cells, Cell(_then(moment.after, leaves)))


def _by_name(histories: list[History]) -> dict[str, list[int]]:
    """Leaves by name, of which several may have the same: tensors in turn, and those of a fork."""
    found: dict[str, list[int]] = {}
    for history in histories:
        found.setdefault(history.leaf.name, []).append(history.leaf.id)
    return found


def _of(leaves: list[int], acts: list[_Act]) -> list[_Act]:
    return [act for act in acts if not act.leaves.isdisjoint(leaves)]


def _whom(concerned: frozenset[int], groups: dict[str, list[int]]) -> str:
    """Which of the leaves or modules that are told an act concerns; "" where it is all of them."""
    names = [name for name, leaves in groups.items() if not concerned.isdisjoint(leaves)]
    if len(names) == len(groups):
        return ""
    common = names[0].split(".")
    for name in names[1:]:
        path = name.split(".")
        common = common[: next((i for i, (a, b) in enumerate(zip(common, path, strict=False)) if a != b), len(path))]
    prefix = ".".join(common)
    alike = [name for name in groups if prefix and (name == prefix or name.startswith(f"{prefix}."))]
    return f"{prefix}.*" if len(names) > 1 and len(alike) == len(names) else wording.listing(names, 2)


def _range(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def _change(row: Accumulation | None, one: BackwardPass) -> Cell:
    """`None + 2 → 2`; of a pass of which only the ledger is known no more than that it added."""
    if row is None or row.effect == Effect.NOT_STORED:
        return Cell("")
    if row.contribution is None:
        if row.effect == Effect.UNCHANGED and one.recorded == Recorded.FULL:
            return Cell("nothing came", "muted")
        return Cell({Effect.CREATED: "created", Effect.ACCUMULATED: "added to"}.get(row.effect, ""), "muted")
    before, added, after = (_short(stats) for stats in (row.before, row.contribution, row.after))
    bar = "|g| " if _is_norm(row.contribution) else ""
    if one.count > 1:  # these stand for several passes, whose numbers differ
        return Cell("each created" if row.effect == Effect.CREATED else "each added to", "muted")
    text = told([row], (before, added, after), is_norm=bool(bar))
    return Cell(f"{bar}{text}", "gradient")


def _short(stats: TensorStats | None) -> str:
    return wording.gradient(stats).replace("|g| = ", "")


def _is_norm(stats: TensorStats | None) -> bool:
    return "|g|" in wording.gradient(stats)


def _cleared(acts: list[_Act], one: BackwardPass, groups: dict[str, list[int]]) -> str:
    """`zero_grad → None`: who emptied `.grad`, what the pass found there, and whose it was if not all were emptied."""
    texts: dict[str, frozenset[int]] = {}
    for act in acts:
        event = act.event
        left = {True: " → None", False: " → zeros", None: ""}[event.set_to_none]
        if event.set_to_none is False and one.recorded == Recorded.FULL and _found_none(one, act.leaves):
            left = ""  # there was nothing to fill with zeros
        call = event.call.rsplit(".", 1)[-1] if event.kind == EventKind.ZERO_GRAD else event.call
        is_plain = event.kind != EventKind.ZERO_GRAD and "= None" in event.call
        text = f"{call or 'cleared'}{'' if is_plain else left}"
        texts[text] = texts.get(text, frozenset()) | act.leaves
    whom = {text: _whom(leaves, groups) for text, leaves in texts.items()}
    return ", ".join(f"{text} ({name})" if name else text for text, name in whom.items())


def _found_none(one: BackwardPass, leaves: frozenset[int]) -> bool:
    """Whether the `.grad` of each of these leaves, as far as a pass met them, was None before it."""
    found = [row for row in one.accumulations if row.leaf in leaves]
    effects = {row.effect for row in found}
    is_new = Effect.CREATED in effects and effects <= {Effect.CREATED, Effect.UNCHANGED}
    return is_new and all(row.before is None for row in found)


def _then(acts: list[_Act], groups: dict[str, list[int]]) -> str:
    texts: dict[tuple[str, bool], frozenset[int]] = {}
    for act in acts:
        is_step = act.event.kind == EventKind.STEP
        key = (act.event.call or ("step" if is_step else "changed"), is_step)
        texts[key] = texts.get(key, frozenset()) | act.leaves
    told = []
    for (call, is_step), leaves in texts.items():
        whom = _whom(leaves, groups)
        told.append(f"{call} reads {whom or 'it'}" if is_step else f"{call} ({whom})" if whom else call)
    return ", ".join(told)


def _by_module(histories: list[History], moments: list[_Moment], width: int) -> tuple[Table, int] | None:
    """Norms over all leaves of a module, in the first passes whose numbers are known: as many as fit, and how many."""
    known = [moment for moment in moments if moment.one.recorded == Recorded.FULL][:_MOST_COLUMNS]
    modules = _modules(histories)
    for n in range(len(known), 1, -1):
        for has_added, has_acts in ((True, True), (False, True), (False, False)):
            table = _norms(modules, known[:n], has_added=has_added, has_acts=has_acts)
            if natural_width(table) <= width:
                return table, n
    least = known[:2]
    return (_norms(modules, least, has_added=False, has_acts=False), 2) if len(least) > 1 else None


def _norms(modules: dict[str, list[int]], known: list[_Moment], *, has_added: bool, has_acts: bool) -> Table:
    """The table of these passes.

    Args:
        modules: their leaves, by name.
        known: the passes.
        has_added: with what each pass adds.
        has_acts: with what was done before and after a pass even if it is the same for all, which the verdict tells.
    """
    shown = dict(list(modules.items())[:_MOST_MODULES])
    header = ("norm of .grad", *(f"pass {moment.one.index}" for moment in known))
    rows: list[Row] = [
        (Cell(name, "name"), *(_joint(leaves, moment.one, has_added=has_added) for moment in known))
        for name, leaves in shown.items()
    ]
    if len(modules) > len(shown):
        rows.append((Cell(f"… and {len(modules) - len(shown):,} more", "muted"),))
    around = [(_cleared(moment.before, moment.one, modules), _then(moment.after, modules)) for moment in known]
    if not has_acts and len(set(around)) == 1:
        return Table(header, tuple(rows))
    if any(before for before, _ in around):
        rows.insert(0, (Cell("before the pass", "muted"), *(Cell(before, "muted") for before, _ in around)))
    if any(after for _, after in around):
        rows.append((Cell("after the pass", "muted"), *(Cell(after, "muted") for _, after in around)))
    return Table(header, tuple(rows))


def _modules(histories: list[History]) -> dict[str, list[int]]:
    """Leaves by module, as deep as the table stays short."""
    depth, found = 0, _at_depth(histories, 1)
    while depth < _MOST_MODULES:
        deeper = _at_depth(histories, depth + 1)
        if len(deeper) > _MOST_MODULES:
            break
        depth, found = depth + 1, deeper
    return found


def _at_depth(histories: list[History], depth: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for history in histories:
        path = history.leaf.name.split(".")
        name = ".".join(path[: min(depth, max(1, len(path)))])
        found.setdefault(name, []).append(history.leaf.id)
    return found


def _joint(leaves: list[int], one: BackwardPass, *, has_added: bool) -> Cell:
    """`0.12, adds 0.12, then 0.2`: norms, which do not add up as the gradients do."""
    rows = [row for row in one.accumulations if row.leaf in leaves]
    came = [row for row in rows if row.contribution is not None]
    if not came:
        return Cell("nothing came", "muted")
    before, added, after = (_norm([getattr(row, name) for row in rows]) for name in ("before", "contribution", "after"))
    if not added:
        return Cell("")
    if has_added:
        return Cell(told(came, (before, added, after), is_norm=True), "gradient")
    return Cell(f"{before} → {after}{'' if is_sum(came) else MARK}", "gradient")


def _norm(many: list[TensorStats | None]) -> str:
    found = [stats for stats in many if stats is not None]
    if not found:
        return "None"
    norms = [stats.norm for stats in found if stats.norm is not None]
    return wording.number(math.hypot(*norms), 3) if len(norms) == len(found) else ""

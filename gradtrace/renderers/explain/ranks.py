"""Where the ranks of a distributed program differ: passes, losses and norms side by side, and what each one added."""

from collections.abc import Iterator, Sequence

from gradtrace.analysis.leaf_order import natural
from gradtrace.analysis.ranks import own_indices, ranks, step_of
from gradtrace.analysis.reductions import same_step
from gradtrace.analysis.training_steps import inner
from gradtrace.model import STORED, Accumulation, BackwardPass, RecordedProcess, Trace, ranks_in_words
from gradtrace.renderers.explain.leaves import MOST_ROWS, joint_norm, style
from gradtrace.text import wording
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.escape import one_line

_MOST_RANKS = 8
_MOST_COLUMNS = 4
_LONGEST = 200


def rank_table(trace: Trace) -> Iterator[Block]:
    """A row for each rank; nothing where the trace is not that of one of several."""
    whole = trace.whole
    if whole is None:
        return
    known = ranks(whole)
    rows = [_row(whole, one) for one in known]
    shown = rows if len(rows) <= _MOST_RANKS + 1 else [*rows[: _MOST_RANKS - 1], rows[-1]]
    header = ("rank", "passes", "loss", "gradient norm", "ended")
    kept = [i for i in range(len(header)) if i == 0 or any(row[i].text for row in rows)]
    yield Heading("The ranks")
    cells = [tuple(row[i] for i in kept) for row in shown]
    if len(shown) < len(rows):
        cells.insert(-1, (Cell(f"… {len(rows) - len(shown):,} more", "muted"), *[Cell("")] * (len(kept) - 1)))
    yield Table(tuple(header[i] for i in kept), tuple(cells))
    yield from _differences(whole, known)
    yield Paragraph(f"What follows is told of {trace.run.processes[0]}; --rank N tells of another.")


def _row(whole: Trace, one: RecordedProcess) -> tuple[Cell, ...]:
    aside = inner(whole)
    passes = [each for each in whole.passes if each.process == one.number and not each.is_drawn_only]
    outer = [each for each in passes if each.index not in aside]
    losses = [wording.value(each.roots[0].value) for each in outer if len(each.roots) == 1 and each.roots[0].value]
    norms = [norm for norm in map(_norm, outer) if norm]
    ended = ""
    if one.error is not None:
        at = wording.at(one.error.frames[-1]) if one.error.frames else ""
        ended = one_line(f"{one.error.type}{at}: {one.error.message}".rstrip().rstrip(":"), _LONGEST)
    elif whole.run.status and not one.has_ended:
        ended = "killed, or by os._exit"
    return (
        Cell(f"{one.rank}", "name"),
        Cell(f"{sum(each.count for each in passes):,}"),
        Cell(_ends(losses)),
        Cell(_ends(norms)),
        Cell(ended, "alarm" if ended else ""),
    )


def _ends(texts: Sequence[str]) -> str:
    return " → ".join([texts[0], texts[-1]] if len(texts) > 1 else texts)


def _norm(one: BackwardPass) -> str:
    rows = [row.contribution for row in one.accumulations if row.effect in STORED]
    return joint_norm(rows) if rows and one.count == 1 and all(row is not None for row in rows) else ""


def _differences(whole: Trace, known: Sequence[RecordedProcess]) -> Iterator[Block]:
    """In words: other numbers of passes, parameters that only some reach, other graphs; or that there are none."""
    counts = {one: sum(each.count for each in whole.passes if each.process == one.number) for one in known}
    if len(set(counts.values())) > 1:
        groups: dict[int, list[int]] = {}
        for one, n in counts.items():
            groups.setdefault(n, []).append(one.rank or 0)
        said = wording.listing([f"{ranks_in_words(who)} ran {n:,}" for n, who in groups.items()])
        yield Paragraph(f"The ranks ran different numbers of passes: {said}.")
    for step in same_step(whole):
        partly = list(_reached_partly(whole, step, known))
        if partly:
            yield Paragraph(f"In pass {own_indices(whole)[step[0].index]}, {'; '.join(partly)}.")
            return
        ops = [[node.op for node in one.graph.nodes] for one in step if one.graph is not None]
        if len(ops) == len(step) and any(one != ops[0] for one in ops):
            sizes = wording.listing([f"{one} {len(own):,} nodes" for one, own in zip(known, ops, strict=False)])
            yield Paragraph(f"In pass {own_indices(whole)[step[0].index]} the graphs differ: {sizes}.")
            return


def _reached_partly(whole: Trace, step: Sequence[BackwardPass], known: Sequence[RecordedProcess]) -> Iterator[str]:
    """`aux.weight and aux.bias get a gradient on rank 0 alone`."""
    by_number = {one.number: one.rank or 0 for one in known}
    reached = {
        by_number[one.process]: {whole.leaves[row.leaf].name for row in one.accumulations if row.contribution}
        for one in step
    }
    groups: dict[tuple[int, ...], list[str]] = {}
    for name in dict.fromkeys(name for names in reached.values() for name in sorted(names)):
        on = tuple(sorted(rank for rank, names in reached.items() if name in names))
        if len(on) < len(reached):
            groups.setdefault(on, []).append(name)
    for on, names in groups.items():
        verb = "gets" if len(names) == 1 else "get"
        yield f"{wording.listing(names, 4)} {verb} a gradient on {ranks_in_words(on)} alone"


def added_by_rank(trace: Trace, one: BackwardPass) -> Iterator[Block]:
    """What each rank added in the pass, and what they made of it together; nothing where each kept its own."""
    step = step_of(trace, one)
    whole = trace.whole
    if not step or whole is None or not any(row.reduced for row in one.accumulations):
        return
    names = {each.number: each for each in ranks(whole)}
    columns = list(step)
    if len(columns) > _MOST_COLUMNS:
        own = trace.run.processes[0].rank
        columns = [each for each in columns[:-1] if names[each.process].rank in (*range(_MOST_COLUMNS - 2), own)]
        columns.append(step[-1])
    by_rank = [{whole.leaves[row.leaf].name: row for row in each.accumulations} for each in columns]
    rows = sorted((row for row in one.accumulations if row.reduced), key=lambda row: natural(trace.leaves[row.leaf]))
    reductions = list(dict.fromkeys(row.reduced for row in rows))
    after = str(reductions[0]) if len(reductions) == 1 else ".grad after"
    header = ("leaf", *(f"{names[each.process]} adds" for each in columns), after)
    body = []
    for row in rows[:MOST_ROWS]:
        name = trace.leaves[row.leaf].name
        body.append(
            (Cell(name, "name"), *(_added(own.get(name)) for own in by_rank), Cell(wording.gradient_norm(row.after)))
        )
    if len(rows) > MOST_ROWS:
        body.append((Cell(f"… {len(rows) - MOST_ROWS:,} more", "muted"), *[Cell("")] * (len(header) - 1)))
    yield Heading(f"What the ranks added in pass {one.index}")
    yield Table(header, tuple(body))


def _added(row: Accumulation | None) -> Cell:
    if row is None or row.contribution is None:
        return Cell("nothing", "muted")
    return Cell(wording.gradient_norm(row.contribution), style(row.contribution))

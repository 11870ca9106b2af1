"""What a pass keeps for its backward, for people: by line, by module, by op, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gradtrace.analysis import memory_groups
from gradtrace.analysis.checkpointing import checkpointing
from gradtrace.analysis.memory_groups import Group
from gradtrace.analysis.saved_memory import KeptStorage, SavedMemory, memories
from gradtrace.errors import NothingSeenError
from gradtrace.model import Trace
from gradtrace.renderers.memory import document
from gradtrace.renderers.memory.options import LINE, MODULE, OP, TENSOR, Options, check
from gradtrace.renderers.memory.words import also_held, line, saved_at, sentences, title, what
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.chosen_pass import drawn_pass
from gradtrace.text.markdown import Markdown
from gradtrace.text.terminal import Terminal
from gradtrace.text.wording import count, size, source_text, spec

_WIDTH = 100
_NARROWEST = 40

_WORTH = 0.01
"""What a checkpoint has to save of it all to be shown among other tables."""


def written(trace: Trace, pass_index: int | None, format_name: str, options: Options) -> str:
    """What a pass keeps, in a format: text that ends in a line break.

    Args:
        trace: what was recorded.
        pass_index: which pass; None for the one that keeps the most.
        format_name: `text`, `markdown`, `json` or `csv`.
        options: how a text is written; of `csv`, which table.

    Raises:
        UsageError: an option means nothing to the format.
        RenderError: there is no such pass.
        NothingSeenError: the recording does not tell.
    """
    check(format_name, options.by, options.top)
    memory, totals = _chosen(trace, pass_index)
    if format_name == "json":
        return document.render_json(trace, memory, totals)
    if format_name == "csv":
        return document.render_csv(memory, options.by or LINE)
    return render(trace, memory, totals, options)


def _chosen(trace: Trace, pass_index: int | None) -> tuple[SavedMemory, list[tuple[int, int]]]:
    """What the pass keeps that was asked for, or the one that keeps the most; and what each keeps."""
    wanted = drawn_pass(trace, pass_index).index
    found = memories(trace)
    totals = [(index, memory.bytes) for index, memory in found.items()]
    if pass_index is None and found:
        return max(found.values(), key=lambda memory: memory.bytes), totals
    if wanted not in found:
        raise NothingSeenError(
            f"the recording of {trace.run.target} does not say which saved tensors lie in one storage, as those of "
            "gradtrace before format 2.4 do not: record it again"
        )
    return found[wanted], totals


def render(trace: Trace, memory: SavedMemory, totals: Sequence[tuple[int, int]], options: Options) -> str:
    """The report as text that ends in a line break.

    Args:
        trace: what was recorded.
        memory: what the pass keeps.
        totals: index and bytes of each pass that was recorded with its graph.
        options: how it is written.
    """
    blocks = tuple(_blocks(trace, memory, list(totals), options))
    if options.markdown:
        return Markdown().write(blocks)
    width = max(options.width or _WIDTH, _NARROWEST)
    return Terminal(width, options.color, options.ascii_only).write(blocks)


def _blocks(trace: Trace, memory: SavedMemory, totals: list[tuple[int, int]], options: Options) -> Iterator[Block]:
    yield Heading(title(trace, memory))
    for label, text in sentences(trace, memory, totals):
        yield Paragraph(text, label)
    if not memory.storages:
        return
    for name, table in _TABLES.items():
        if options.by in (None, name):
            made = table(memory, options)
            if made is not None:
                yield made
    if options.by in (None, MODULE):
        yield from _checkpoints(memory, options)


def _grouped(title_: str, groups: list[Group], memory: SavedMemory, options: Options) -> Table:
    rows = [
        (
            Cell(size(group.bytes), "gradient"),
            Cell(_share(group.bytes, memory)),
            Cell(f"{len(group.storages):,}"),
            Cell(line(group.location) if title_ == LINE else _name(group), "name"),
            *([Cell(source_text(group.location))] if title_ == LINE else []),
        )
        for group in groups[: options.n_rows]
    ]
    left = groups[len(rows) :]
    if left:
        rest = sum(group.bytes for group in left)
        n = sum(len(group.storages) for group in left)
        more = Cell(f"{len(left):,} more (--top {len(groups)} shows all)", "muted")
        extra = [Cell("")] if title_ == LINE else []
        rows.append(
            (Cell(size(rest), "muted"), Cell(_share(rest, memory), "muted"), Cell(f"{n:,}", "muted"), more, *extra)
        )
    header = ("kept", "share", "tensors", f"by {title_}", *(["source"] if title_ == LINE else []))
    return Table(header, tuple(rows), optional=(1, 2), is_list=title_ == LINE)


def _name(group: Group) -> str:
    if not group.name:
        return f"{group.module_type} itself" if group.module_type else "outside of modules"
    return f"{group.name} ({group.module_type})" if group.module_type else group.name


def _share(n_bytes: int, memory: SavedMemory) -> str:
    return f"{100 * n_bytes / memory.bytes:.0f}%" if memory.bytes else ""


def _lines(memory: SavedMemory, options: Options) -> Table:
    return _grouped(LINE, memory_groups.by_line(memory.storages), memory, options)


def _modules(memory: SavedMemory, options: Options) -> Table | None:
    """Among other tables, modules that are alike are one row."""
    if options.by is not None:
        return _grouped(MODULE, memory_groups.by_module(memory.storages), memory, options)
    groups = memory_groups.by_alike_modules(memory.storages)
    return _grouped(MODULE, groups, memory, options) if any(group.name for group in groups) else None


def _ops(memory: SavedMemory, options: Options) -> Table:
    return _grouped(OP, memory_groups.by_op(memory.storages), memory, options)


def _tensors(memory: SavedMemory, options: Options) -> Table:
    """A row for each storage; among other tables, those that look alike are one row."""
    rows: dict[tuple[str, ...], list[KeptStorage]] = {}
    for number, one in enumerate(sorted(memory.storages, key=lambda one: -one.bytes)):
        words = _tensor(one)
        rows.setdefault(words if options.by is None else (*words, str(number)), []).append(one)
    ordered = sorted(rows.items(), key=lambda row: -sum(one.bytes for one in row[1]))
    shown = [_row(words, members) for words, members in ordered[: options.n_rows]]
    left = [one for _, members in ordered[len(shown) :] for one in members]
    if left:
        rest = size(sum(one.bytes for one in left))
        how = "--by tensor shows more" if options.by is None else f"--top {len(memory.storages)} shows all"
        more = f"{len(left):,} more ({how})"
        shown.append((Cell(rest, "muted"), Cell(""), Cell(more, "muted"), Cell(""), Cell("")))
    return Table(("kept", "tensor", "what", "saved by", "also held by"), tuple(shown), optional=(4, 1, 3))


def _tensor(storage: KeptStorage) -> tuple[str, ...]:
    first = storage.first
    saver = " ".join(filter(None, (memory_groups.keeper(first), saved_at(first))))
    return spec(first.saved.shape, first.saved.dtype, storage.device), what(storage), saver, also_held(storage)


def _row(words: tuple[str, ...], members: list[KeptStorage]) -> tuple[Cell, ...]:
    kind, what_, saver, held = words[:4]
    times = f"{len(members)} × " if len(members) > 1 else ""
    total = size(sum(one.bytes for one in members))
    return Cell(total, "gradient"), Cell(times + kind), Cell(what_, "name"), Cell(saver), Cell(held, "muted")


def _checkpoints(memory: SavedMemory, options: Options) -> Iterator[Block]:
    found = [one for one in checkpointing(memory) if options.by is not None or one.less >= memory.bytes * _WORTH]
    if not found:
        return
    rows = [
        (
            Cell(size(one.less), "gradient"),
            Cell(_share(one.less, memory)),
            Cell(f"{one.n_calls:,}"),
            Cell(one.path + (f" ({one.module_type})" if one.module_type else ", all its parts as one"), "name"),
        )
        for one in found[: options.n_rows]
    ]
    yield Table(
        ("less", "share", "calls", "if each call of this module were checkpointed"), tuple(rows), optional=(1, 2)
    )
    if len(found) > len(rows):
        yield Paragraph(f"{count(len(found) - len(rows), 'more module')} would save less (--by module --top N)", "note")


_TABLES: dict[str, Callable[[SavedMemory, Options], Table | None]] = {
    LINE: _lines,
    MODULE: _modules,
    OP: _ops,
    TENSOR: _tensors,
}

"""What a saved tensor is, where it was saved, and who keeps it besides, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gradtrace.analysis.calls import called
from gradtrace.analysis.memory_groups import keeper, place
from gradtrace.analysis.saved_memory import KeptStorage, Origin, SavedMemory, Saver, is_mask
from gradtrace.model import Blind, Location, Trace
from gradtrace.model.format import CHECKPOINT, CONTEXT, PACKED
from gradtrace.text.wording import at, count, size, source_text
from gradtrace.text.wording import location as short

NOT_THE_PEAK = (
    "the peak of torch's allocator is another number: it also holds parameters, gradients, optimizer states and what "
    "operations need while they run"
)


def what(storage: KeptStorage) -> str:
    """What lies in a storage: `output of gelu`, `x`, `mask of dropout`."""
    saver = storage.first
    name, op = saver.saved.name, called(saver.node)
    if storage.maker is not None:
        made = f"output of {called(storage.maker)}"
        return f"{made}, from which a checkpoint recomputes" if name.startswith(CHECKPOINT) else made
    if storage.owner is not None:
        return storage.owner
    if name.startswith(CHECKPOINT):
        return "input of a checkpoint"
    if name.startswith(PACKED):
        return f"{name.removeprefix(PACKED)} of {op}, as a hook packed it"
    if name.startswith(CONTEXT):
        return f"{name} of {op}"
    if storage.origin is Origin.INTERNAL and is_mask(saver):
        return "mask of dropout"
    return f"{name} of {op}"


def saved_at(saver: Saver) -> str:
    """Line and column of the call that saved: `model.py:18:13`."""
    where = place(saver.node)
    return "" if where is None else f"{short(where)}:{where.column}"


def line(where: Location | None) -> str:
    """A line of source: file and number."""
    return short(where) or "line not known"


def also_held(storage: KeptStorage) -> str:
    """What else keeps the storage: other calls that saved it, a variable."""
    return ", ".join(_holders(storage))


def _holders(storage: KeptStorage) -> Iterator[str]:
    owner = storage.owner
    if owner is not None:
        yield f"the program, as {owner}" if storage.maker is not None else "the program"
    first = storage.first
    later = [one for one in storage.savers if one.node.id != first.node.id]
    once_a_node = dict.fromkeys((one.node.id, keeper(one), saved_at(one)) for one in later)
    others = Counter((op, where) for _, op, where in once_a_node)
    here = saved_at(first)
    for (op, where), n in list(others.items())[:_MOST_HOLDERS]:
        times = f" ({n} times)" if n > 1 else ""
        yield f"{op}{'' if where in ('', here) else f' at {where}'}{times}"
    if len(others) > _MOST_HOLDERS:
        yield f"{len(others) - _MOST_HOLDERS} more"


_MOST_HOLDERS = 3


def title(trace: Trace, memory: SavedMemory) -> str:
    """Which pass, and how much it keeps."""
    one = memory.backward
    which = "the graph" if one.is_drawn_only else f"pass {one.index}"
    return f"{trace.run.target}: {which} keeps {size(memory.bytes)} for its backward"


def sentences(trace: Trace, memory: SavedMemory, totals: list[tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Label and sentence of what is to be known beside the total."""
    n_tensors = sum(len(one.savers) for one in memory.storages)
    n_storages = len(memory.storages)
    if n_tensors:
        start = f"{source_text(memory.backward.location)}{at(memory.backward.location)}".strip()
        kept = f"{count(n_tensors, 'saved tensor')} in {count(n_storages, 'storage')}, each counted once"
        yield "", f"{start}: {kept}" if start else kept
    if len(totals) > 1:
        yield "", _peak(memory, totals)
    yield "", _apart(memory)
    if memory.n_recomputed:
        yield "", f"{count(memory.n_recomputed, 'saved tensor')} of checkpoints: recomputed in backward, not kept"
    if memory.n_unknown:
        yield (
            "note",
            f"{count(memory.n_unknown, 'saved tensor')} went to hooks: what these keep elsewhere is not counted",
        )
    if memory.n_unsized:
        yield "note", f"the memory of {count(memory.n_unsized, 'saved tensor')} is not known, and counts as nothing"
    if any(spot.reason == Blind.FAKE_TENSORS for spot in trace.run.blind_spots):
        yield "note", "shapes only: this program computes with fake tensors; what real ones would keep is shown"
    yield "note", NOT_THE_PEAK


def _peak(memory: SavedMemory, totals: list[tuple[int, int]]) -> str:
    most = max(total for _, total in totals)
    largest = [index for index, total in totals if total == most]
    if len(largest) == len(totals):
        return f"all {len(totals):,} recorded passes keep the same amount"
    if memory.backward.index in largest:
        return f"the most of {len(totals):,} recorded passes; the least is {size(min(total for _, total in totals))}"
    return f"pass {largest[0]} keeps the most of {len(totals):,} recorded passes: {size(most)}"


def _apart(memory: SavedMemory) -> str:
    parameters, gradients, saved = memory.parameters, memory.gradients, memory.saved_parameters
    text = f"not in it: {size(parameters.bytes)} of {count(parameters.count, 'leaf')}"
    if gradients.count:
        text += f" and {size(gradients.bytes)} of their gradients"
    if saved.count:
        text += f"; {count(saved.count, 'storage')} of leaves, frozen parameters or buffers are saved, at no cost"
    return text

"""What a pass keeps for its backward, for programs: JSON, and CSV with one line a row of the table."""

import csv
import io
from collections.abc import Sequence
from typing import Literal

from gradtrace.analysis import memory_groups
from gradtrace.analysis.checkpointing import Checkpointing, checkpointing
from gradtrace.analysis.memory_groups import Group
from gradtrace.analysis.saved_memory import Apart, KeptStorage, SavedMemory
from gradtrace.model import Trace
from gradtrace.model.format import UNKNOWN_EXTENT
from gradtrace.renderers.document.layout import Part, Rows, Section, pieces
from gradtrace.renderers.document.tensors import Location, location
from gradtrace.renderers.memory.options import MODULE, OP, TENSOR
from gradtrace.renderers.memory.words import also_held, line, saved_at, what
from gradtrace.text.escape import spreadsheet_cell

FORMAT_VERSION = (1, 0)
"""History: 1.0 the first."""


class SavedBy(Part, frozen=True, kw_only=True):
    """A saved tensor, and the node that saves it.

    Attributes:
        node: id of the node in the graph of the pass.
        op: what the program called, or `checkpoint` for one that keeps what it recomputes the op from.
        name: torch's name of the saved tensor.
        module: the innermost module that made the node, or null.
        location: the line that called, or null.
    """

    node: int
    op: str
    name: str
    module: str | None
    location: Location | None


class Storage(Part, frozen=True, kw_only=True):
    """Memory that is kept until the backward pass has run. It is counted once, for the first call that saved it.

    Attributes:
        bytes: of the whole storage.
        what: what lies in it, in words.
        origin: `output` of an op, `internal` to the op that saved it, `input`, or `unknown`.
        shape: of the first saved tensor, or null.
        dtype: its dtype, or null.
        device: where it lies.
        owner: what the program calls it, if a variable holds it too, or null.
        saved_by: everything that saved it, in the order of the forward pass.
    """

    bytes: int
    what: str
    origin: str
    shape: list[int] | None
    dtype: str | None
    device: str
    owner: str | None
    saved_by: list[SavedBy]


class Total(Part, frozen=True, kw_only=True):
    """Some tensors and their bytes.

    Attributes:
        count: how many there are.
        bytes: how large they are.
    """

    count: int
    bytes: int


class PassTotal(Part, frozen=True, kw_only=True, rename={"pass_index": "pass"}):
    """What another pass keeps.

    Attributes:
        pass_index: which pass.
        bytes: how much it keeps.
    """

    pass_index: int
    bytes: int


class Saving(Part, frozen=True, kw_only=True):
    """What it would save to checkpoint each call of a module.

    Attributes:
        module: its path; `*` stands for the numbers of modules that are alike.
        type: its class, or null.
        modules: how many modules that are.
        calls: how often they are called in all.
        kept: how many bytes are now saved in them.
        less: how many bytes less would be kept.
    """

    module: str
    type: str | None
    modules: int
    calls: int
    kept: int
    less: int


class MemoryDocument(Section, frozen=True, kw_only=True, rename={"pass_index": "pass"}):
    """What the graph of a pass keeps in memory for its backward. The peak of torch's allocator is another number.

    Attributes:
        format: `gradtrace-memory`.
        version: major and minor; within a major version keys keep their meaning, and more may be added.
        target: what was run.
        pass_index: which pass.
        location: the line that started it, or null.
        bytes: all that it keeps.
        passes: what each pass keeps that was recorded with its graph.
        parameters: the leaves of the graph, which exist without it.
        gradients: their `.grad` after the pass, as far as recorded.
        saved_parameters: storages of leaves, frozen parameters and buffers that were saved, at no cost.
        recomputed: how many saved tensors of checkpoints are computed anew.
        hooked: how many saved tensors went to hooks that keep them where nobody can look.
        unsized: how many have a size that is not known, and count as nothing.
        storages: what is kept, in the order of the forward pass.
        checkpointing: modules whose checkpointing would save memory, the most first.
    """

    format: Literal["gradtrace-memory"]
    version: tuple[int, int]
    target: str
    pass_index: int
    location: Location | None
    bytes: int
    passes: list[PassTotal]
    parameters: Total
    gradients: Total
    saved_parameters: Total
    recomputed: int
    hooked: int
    unsized: int
    storages: Sequence[Storage]
    checkpointing: list[Saving]


def render_json(trace: Trace, memory: SavedMemory, totals: Sequence[tuple[int, int]]) -> str:
    """The document as ASCII text that ends in a line break.

    Args:
        trace: what was recorded.
        memory: what the pass keeps.
        totals: index and bytes of each pass that was recorded with its graph.
    """
    document = MemoryDocument(
        format="gradtrace-memory",
        version=FORMAT_VERSION,
        target=trace.run.target,
        pass_index=memory.backward.index,
        location=location(memory.backward.location),
        bytes=memory.bytes,
        passes=[PassTotal(pass_index=index, bytes=n_bytes) for index, n_bytes in totals],
        parameters=_total(memory.parameters),
        gradients=_total(memory.gradients),
        saved_parameters=_total(memory.saved_parameters),
        recomputed=memory.n_recomputed,
        hooked=memory.n_unknown,
        unsized=memory.n_unsized,
        storages=Rows(_storage, memory.storages),
        checkpointing=list(map(_saving, checkpointing(memory))),
    )
    return "".join(pieces(document))


def _total(apart: Apart) -> Total:
    return Total(count=apart.count, bytes=apart.bytes)


def _saving(one: Checkpointing) -> Saving:
    return Saving(
        module=one.path, type=one.module_type, modules=one.n_modules, calls=one.n_calls, kept=one.saved, less=one.less
    )


def _storage(storage: KeptStorage) -> Storage:
    saved = storage.first.saved
    return Storage(
        bytes=storage.bytes,
        what=what(storage),
        origin=storage.origin.value,
        shape=None if saved.shape is None else list(saved.shape),
        dtype=saved.dtype,
        device=storage.device,
        owner=storage.owner,
        saved_by=[
            SavedBy(
                node=one.node.id,
                op=memory_groups.keeper(one),
                name=one.saved.name,
                module=one.node.module,
                location=location(one.node.location),
            )
            for one in storage.savers
        ],
    )


def render_csv(memory: SavedMemory, by: str) -> str:
    """One line a group, or a tensor, under a line of names.

    Args:
        memory: what the pass keeps.
        by: `line`, `module`, `op` or `tensor`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if by == TENSOR:
        writer.writerow(("bytes", "shape", "dtype", "device", "what", "module", "op", "line", "also_held_by"))
        writer.writerows(map(_tensor_row, sorted(memory.storages, key=lambda one: -one.bytes)))
        return text.getvalue()
    writer.writerow(("bytes", "tensors", by))
    for group in _groups(memory, by):
        name = group.name if by in (MODULE, OP) else line(group.location)
        writer.writerow((group.bytes, len(group.storages), spreadsheet_cell(name)))
    return text.getvalue()


def _groups(memory: SavedMemory, by: str) -> list[Group]:
    grouped = {MODULE: memory_groups.by_module, OP: memory_groups.by_op}.get(by, memory_groups.by_line)
    return grouped(memory.storages)


def _tensor_row(storage: KeptStorage) -> tuple[object, ...]:
    saver = storage.first
    shape = (
        ""
        if saver.saved.shape is None
        else "x".join("*" if one == UNKNOWN_EXTENT else str(one) for one in saver.saved.shape)
    )
    words = (what(storage), saver.node.module or "", memory_groups.keeper(saver), saved_at(saver), also_held(storage))
    return (storage.bytes, shape, saver.saved.dtype, storage.device, *map(spreadsheet_cell, words))

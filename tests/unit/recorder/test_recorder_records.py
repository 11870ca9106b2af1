"""What the recorder writes is what the schema declares: each line, and each field of each kind of line and row."""

import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
import torch
from recorder_session import recorded
from torch import nn

from gradtrace.recorder.session import current
from gradtrace.recording import records
from gradtrace.recording.frames import Line, lines_of
from gradtrace.recording.lines import LONGEST, decode

WRITTEN_ELSEWHERE = {
    records.StatusRecord,
    records.ProcessRecord,
    records.ErrorRecord,
    records.KeptRow,
    records.NoteRecord,
    records.BlindRecord,
    records.RegionRecord,
    records.CompiledOpRow,
    records.GraphBreakRow,
    records.WorldRecord,
}
"""Kinds of lines that the launcher writes, or the recorder of a program that ends badly, compiles, or has ranks."""

BASES = {records.Record, records.ColumnsRecord}

NEVER_WRITTEN = {
    ("PassRecord", "count"),
    ("NodeKindRecord", "region"),
    ("PassEndRecord", "not_recomputed"),
    ("NormPartRow", "mesh"),
    ("NormPartRow", "copies"),
    ("StepRecord", "pass_index"),
    ("StepRecord", "began_after"),
}
"""What readers would show, but no recorder sees: how many passes a line is, before they ran; what is compiled, or
spread over ranks; and what recorders wrote up to 2.3."""


class Keeping(torch.autograd.Function):
    """A function that keeps its own output on its context."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.y = x.exp()
        return ctx.y

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient * ctx.y


class Model(nn.Module):
    """A model with a tensor that nobody registered."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.scale = torch.ones(2, requires_grad=True)
        self.frozen = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x) * self.scale + self.frozen(torch.rand(3, 2))


LIBRARY: dict[str, Any] = {}
exec(compile("def twice(x):\n    return x * 2\n", "/srv/site-packages/library.py", "exec"), LIBRARY)


def program() -> None:
    """Something of everything that the recorder watches."""
    torch.manual_seed(0)
    net = Model()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    extra = torch.zeros(1, requires_grad=True)
    never = torch.optim.SGD([extra], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    losses: list[torch.Tensor] = []
    used_up = filter(None, ())
    net.eval()
    net.train()
    net.layer.weight.require_grad = False  # type: ignore[attr-defined]
    net.layer.requires_grad = False  # type: ignore[assignment]
    net.layer.weight.register_hook(lambda gradient: gradient * torch.tensor([[1.0], [0.0]]))
    net.layer.bias.data.mul_(torch.tensor([1.0, 0.0]))
    state = net.state_dict()
    for step in range(4):
        optimizer.zero_grad()
        ones = torch.ones(3, 2)
        hidden = net(ones)
        hidden.register_hook(lambda gradient: gradient * 2)
        weight = hidden.mean().item()
        left, right = (Keeping.apply(hidden) * weight + torch.zeros(2).log().exp()).split(1, dim=1)
        losses.append(LIBRARY["twice"](left + right)[torch.tensor([0, 1])].mean() + extra.sum())
        scaler.scale(losses[-1]).backward(retain_graph=step == 0)
        net.layer.weight.grad[0] = 0  # type: ignore[index]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        nn.utils.clip_grad_norm_(used_up, 1.0)
        if step > len(losses):
            never.step()
        scaler.step(optimizer)
        scaler.update()
    net.layer.bias.requires_grad = False
    grad = net.layer.weight.grad
    assert net.layer.weight.grad is grad
    net.layer.weight.grad = None
    assert net.layer.weight.grad is None
    x = torch.ones(2, requires_grad=True)
    y = x.exp()
    y.add_(1)
    with pytest.raises(RuntimeError):
        y.sum().backward()
    net.load_state_dict(state)
    fixed = torch.ones(2)
    (x.sum() + nn.functional.mse_loss(fixed, fixed)).backward()


def filled(struct: type[msgspec.Struct], written: Any) -> Iterator[tuple[str, str]]:
    """Kind and name of each field that a line, or a row inside it, fills."""
    hints = get_type_hints(struct, vars(records))
    fields = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(struct)}
    if struct.__struct_config__.array_like:
        assert len(written) <= len(fields), struct
        written = dict(zip(fields, written, strict=False))
    for name, value in written.items():
        yield struct.__name__, name
        for row_type in rows_in(fields.get(name)):
            for row in value if get_origin(fields[name]) is list else [value]:
                if row is not None:
                    yield from filled(row_type, row)


def rows_in(annotation: Any) -> list[type[msgspec.Struct]]:
    """The rows of which a field is made."""
    parts = [annotation, *get_args(annotation)]
    return [part for part in parts if isinstance(part, type) and issubclass(part, msgspec.Struct)]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    """What the recorder writes of the program: three passes in full, then the ledger."""
    with recorded(
        tmp_path_factory.mktemp("records"), passes=((1, 3), (5, 6)), facts=True, value_limit=2, step_norms=1
    ) as session:
        program()
        recorder = current()
        assert recorder is not None
        recorder._write_end()
    with session.stream.open("rb") as file:
        return list(lines_of(file, LONGEST))


def fits(written: Any, read: Any) -> bool:
    """Whether everything that was written was read; rows may leave out fields at their end."""
    if isinstance(written, dict):
        return all(key in read and fits(value, read[key]) for key, value in written.items())
    if isinstance(written, list):
        return len(written) <= len(read) and all(map(fits, written, read))
    return bool(written == read)


def test_each_line_is_read_into_equal_fields(lines: list[Line]) -> None:
    """No key, row or number of a line is lost, misplaced or read as something else."""
    for line in lines:
        record = decode(line.text)
        assert fits(said(line), json.loads(msgspec.json.encode(record))), line


def test_every_declared_field_is_written(lines: list[Line]) -> None:
    """Of each kind of line and row; what no recorder fills, nobody needs to read."""
    structs = [struct for struct in vars(records).values() if is_struct(struct)]
    declared = {(one.__name__, field.encode_name) for one in structs for field in msgspec.structs.fields(one)}
    by_tag = {struct.__struct_config__.tag: struct for struct in structs}
    written: set[tuple[str, str]] = set()
    for line in map(said, lines):
        struct = by_tag[line.pop("t")]
        written.update(filled(struct, line))
        if struct is records.StepFormRecord:
            written.update(filled(records.StepRecord, {name: one for name, one in line.items() if name != "id"}))
    assert written <= declared
    others = {struct.__name__ for struct in WRITTEN_ELSEWHERE}
    assert {(name, field) for name, field in declared - written if name not in others} == NEVER_WRITTEN


def said(line: Line) -> dict[str, Any]:
    """A line without its number and checksum and the size of its data, which belong to the file."""
    written: dict[str, Any] = json.loads(line.text)
    assert written.pop("bytes", 0) == len(line.data)
    assert written.pop("n") > 0
    assert written.pop("crc") >= 0
    return written


def is_struct(thing: object) -> bool:
    """Whether it is a line or a row."""
    return isinstance(thing, type) and issubclass(thing, msgspec.Struct) and bool(thing not in BASES)

"""What a program changes between passes that are alike is seen: in full passes, and in those only counted."""

from pathlib import Path

import torch
from recorder_session import recorded
from torch import nn

from gradtrace.model import Effect, Trace


def stored(trace: Trace) -> list[tuple[int, set[str]]]:
    """Of each pass, or run of passes, its first number and the leaves that it added to."""
    return [
        (
            one.index,
            {
                trace.leaves[row.leaf].name
                for row in one.accumulations
                if row.effect in (Effect.CREATED, Effect.ACCUMULATED)
            },
        )
        for one in trace.passes
    ]


def test_what_changes_between_passes_recorded_in_full_is_seen(tmp_path: Path) -> None:
    """A module that is added, a parameter in another's place, one that is frozen; new names of variables."""
    net = nn.Sequential(nn.Linear(2, 2))
    inputs = torch.ones(3, 2)
    with recorded(tmp_path, facts=True) as session:
        for step in range(8):
            if step == 2:
                net.append(nn.Linear(2, 2))
            elif step == 4:
                net[0].weight = nn.Parameter(torch.zeros(2, 2))
                offset = torch.ones(2)
            elif step == 6:
                net[1].bias.requires_grad_(False)
                moved, offset = offset, None
            net.zero_grad()
            net(inputs).sum().backward()
    assert moved is not None

    trace = session.trace()
    first, second = {"0.weight", "0.bias"}, {"1.weight", "1.bias"}
    assert stored(trace) == [
        *((index, first) for index in (1, 2)),
        *((index, first | second) for index in (3, 4, 5, 6)),
        *((index, first | {"1.weight"}) for index in (7, 8)),
    ]
    replaced = {
        row.leaf for one in trace.passes for row in one.accumulations if trace.leaves[row.leaf].name == "0.weight"
    }
    assert len(replaced) == 2
    named = {one.name: one.pass_index for one in trace.bystanders}
    assert (named["inputs"], named["offset"], named["moved"]) == (1, 5, 7)


def test_what_changes_between_counted_passes_is_seen(tmp_path: Path) -> None:
    """Although only some of the leaves are looked at when passes have repeated for long."""
    net = nn.Sequential(*[nn.Linear(2, 2) for _ in range(20)])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.0)
    everything = {name for name, _ in net.named_parameters()}
    frozen = net[7].bias

    with recorded(tmp_path, passes=((1, 1),)) as session:
        for step in range(90):
            if step == 40:
                frozen.requires_grad_(False)
            elif step == 80:
                frozen.requires_grad_(True)
            optimizer.zero_grad()
            net(torch.ones(1, 2)).sum().backward()
            optimizer.step()

    seen = stored(session.trace())
    lacking = [index for index, names in seen if names == everything - {"7.bias"}]
    whole = [index for index, names in seen if names == everything]
    assert seen[0] == (1, everything)
    assert len(lacking) + len(whole) == len(seen)
    assert 41 <= lacking[0] <= 41 + 4  # each of 40 leaves is looked at within a few passes
    assert 81 <= whole[-1] <= 81 + 4
    assert not [index for index in whole if lacking[0] < index < 81]

"""How much memory a graph keeps: whole storages, each counted once."""

from collections.abc import Callable

import pytest
import recorder_session
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.checkpoint import checkpoint

import gradtrace
from gradtrace.model import Blind, SavedTensor

MEGA = 1_000_000


def saved(folder, root: Callable[[], torch.Tensor]) -> list[SavedTensor]:
    """What the graph of this tensor saves."""
    with recorder_session.recorded(folder, value_limit=16) as session:
        root().backward()
    graph = session.trace().passes[0].graph
    return [one for node in graph.nodes for one in node.saved]


def leaf(*shape: int) -> torch.Tensor:
    return torch.ones(shape, requires_grad=True)


def test_a_view_keeps_the_whole_of_what_it_is_a_part_of(tmp_path) -> None:
    """One number of four megabytes keeps four megabytes."""
    (one,) = saved(tmp_path, lambda: leaf() * torch.ones(MEGA)[7])
    assert (one.shape, one.bytes) == ((), 4 * MEGA)


def test_an_expanded_number_needs_no_more_than_one(tmp_path) -> None:
    """However many elements it shows."""
    (one,) = saved(tmp_path, lambda: leaf(MEGA).mul(torch.ones(()).expand(MEGA)).sum())
    assert (one.shape, one.bytes) == ((MEGA,), 4)


def test_two_views_of_one_storage_are_counted_once(tmp_path) -> None:
    """Although they begin at different addresses."""
    whole = torch.ones(10)
    w = leaf()
    found = saved(tmp_path, lambda: (w * whole[2]) + (w * whole[3]))
    assert sorted((one.bytes, one.shared) for one in found) == [(40, False), (40, True)]


def test_what_a_leaf_keeps_is_no_memory_of_the_graph(tmp_path) -> None:
    """Also if only a part of it was saved."""
    w = leaf(10)
    found = saved(tmp_path, lambda: w[:5] @ w[5:])
    assert [(one.bytes, one.shared) for one in found] == [(40, True)] * 2


def test_sparse_tensors_keep_their_indices_and_values(tmp_path) -> None:
    """And not what they would be as dense ones."""
    big = torch.sparse_coo_tensor([[0, 999], [0, 999]], [1.0, 2.0], (1000, 1000), check_invariants=True)
    found = saved(tmp_path, lambda: torch.sparse.mm(big, leaf(1000, 1)).sum())
    assert sum(one.bytes for one in found if not one.shared) == 2 * 2 * 8 + 2 * 4


def test_packed_tensors_say_so(tmp_path) -> None:
    """What a checkpoint recomputes lies nowhere yet; what it recomputes it from does."""
    found = saved(tmp_path, lambda: checkpoint(torch.sin, leaf(3), use_reentrant=False).sum())
    assert [(one.name, one.packed, one.bytes, one.shared) for one in found] == [
        ("self", True, 0, False),
        ("checkpoint.0", False, 12, True),
    ]


def test_fake_tensors_have_the_memory_that_real_ones_would_have(tmp_path) -> None:
    """They are made to find out how much a step will need."""
    with recorder_session.recorded(tmp_path) as session, FakeTensorMode():
        w = torch.ones(1000, requires_grad=True)
        (w * torch.ones(1000, 1000)[0]).sum().backward()
    found = [one for node in session.trace().passes[0].graph.nodes for one in node.saved]
    assert [(one.bytes, one.shared) for one in found] == [(4 * MEGA, False)]
    assert Blind.FAKE_TENSORS in {spot.reason for spot in session.trace().run.blind_spots}


def test_the_meta_device_is_fake_too() -> None:
    """It is said once, for a program that computes without values."""
    with gradtrace.record() as recording:
        w = torch.ones(3, device="meta", requires_grad=True)
        for _ in range(2):
            w.exp().sum().backward()
    assert [spot.reason for spot in recording.trace.run.blind_spots] == [Blind.FAKE_TENSORS]
    text = gradtrace.explain(recording.trace)
    assert text.startswith("  note: shapes only: this program computes with fake tensors, which have no values.")
    assert "error" not in text


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float16, torch.bool])
def test_bytes_follow_the_dtype(tmp_path, dtype: torch.dtype) -> None:
    """Each element counts as large as it is."""
    if dtype is torch.bool:
        found = saved(tmp_path, lambda: leaf(6).masked_fill(torch.zeros(6, dtype=dtype), 1.0).sum())
    else:
        found = saved(tmp_path, lambda: (leaf(6) * torch.ones(6, dtype=dtype)).abs().sum())
    own = [one for one in found if one.dtype == str(dtype).removeprefix("torch.") and not one.shared]
    assert own
    assert {one.bytes for one in own} == {6 * dtype.itemsize}

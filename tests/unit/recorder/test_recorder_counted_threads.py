"""Passes of several threads that are only counted: each in the recording, by its own number."""

import threading
from pathlib import Path

import torch
from recorder_session import recorded


def test_a_pass_that_ends_late_is_counted_by_its_own_number(tmp_path: Path):
    """While it runs another thread runs several, all alike, before and after it began."""
    weights = [torch.ones(2, requires_grad=True) for _ in range(2)]
    has_begun, may_end = threading.Event(), threading.Event()

    def passes(number: int) -> None:
        for _ in range(number):
            weights[0].grad = None
            weights[0].sum().backward()

    def late() -> None:
        def wait(_gradient: torch.Tensor) -> None:
            has_begun.set()
            may_end.wait(20)

        result = weights[1].sum()
        result.register_hook(wait)
        result.backward()

    with recorded(tmp_path, passes=((1, 1),), small_passes=0) as session:
        passes(5)
        thread = threading.Thread(target=late)
        thread.start()
        assert has_begun.wait(20)
        passes(3)
        may_end.set()
        thread.join()
        passes(2)
    known = session.trace().passes
    numbers = [number for one in known for number in range(one.index, one.index + one.count)]
    assert numbers == list(range(1, 12))
    assert [one.index for one in known if one.thread == 1] == [6]

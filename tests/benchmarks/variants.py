"""The ways in which a step is run: plain, under gradtrace, under other tools."""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from workloads import Workload

from gradtrace import recorder
from gradtrace.diagnosis.diagnose import needs_of
from gradtrace.diagnosis.registry import RULES
from gradtrace.model.needs import Needs
from gradtrace.recorder.config import Config

Step = Callable[[], None]
Variant = Callable[[Workload, Path], contextlib.AbstractContextManager[Step]]


@contextlib.contextmanager
def plain(work: Workload, _session: Path) -> Iterator[Step]:
    """As it is."""
    yield work.step


def _recorded(level: str, *, facts: bool = False, needs: Needs | None = None) -> Variant:
    @contextlib.contextmanager
    def variant(work: Workload, session: Path) -> Iterator[Step]:
        limit = 0 if level == "structure" else 16
        recorder.start(Config(session, passes=None, level=level, value_limit=limit, facts=facts, needs=needs))
        try:
            yield work.step
        finally:
            recorder.stop()

    return variant


@contextlib.contextmanager
def unrecorded(work: Workload, session: Path) -> Iterator[Step]:
    """A pass after those that were asked for, when passes have repeated for a while."""
    recorder.start(Config(session, passes=((1, 1),)))
    try:
        for _ in range(20):
            work.step()
        yield work.step
    finally:
        recorder.stop()


@contextlib.contextmanager
def norms(work: Workload, session: Path) -> Iterator[Step]:
    """Every step is measured; the first ones, whose parameters are copied whatever it costs, are over."""
    recorder.start(Config(session, passes=(), step_norms=1))
    try:
        for _ in range(4):
            work.step()
        yield work.step
    finally:
        recorder.stop()


@contextlib.contextmanager
def anomaly(work: Workload, _session: Path) -> Iterator[Step]:
    """Torch's own anomaly mode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.autograd.set_detect_anomaly(mode=True):
            yield work.step


@contextlib.contextmanager
def torchviz(work: Workload, _session: Path) -> Iterator[Step]:
    """The step, and the text of its picture."""
    from torchviz import make_dot

    def step() -> None:
        loss = work.loss()
        make_dot(loss, params=dict(work.model.named_parameters()))
        work.update(loss)

    yield step


@contextlib.contextmanager
def torchlens(work: Workload, _session: Path) -> Iterator[Step]:
    """A logged forward, and no backward."""
    from torchlens import trace

    def step() -> None:
        trace(work.model, work.inputs)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield step


VARIANTS: dict[str, Variant] = {
    "unrecorded": unrecorded,
    "norms": norms,
    "structure": _recorded("structure"),
    "default": _recorded("default"),
    "full": _recorded("full"),
    "check": _recorded("default", facts=True, needs=needs_of(RULES)),
    "anomaly": anomaly,
    "torchviz": torchviz,
    "torchlens": torchlens,
}

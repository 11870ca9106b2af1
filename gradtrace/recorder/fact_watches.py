"""What is watched only where a diagnosis was asked for."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from gradtrace.model.kinds import Level
from gradtrace.recorder import looking
from gradtrace.recorder.config import Config
from gradtrace.recorder.constant_terms import ConstantTerms
from gradtrace.recorder.copies import Copies
from gradtrace.recorder.cuts import CutWatch
from gradtrace.recorder.failures import Failures
from gradtrace.recorder.forward_mode import Observer
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.lookalikes import Lookalikes
from gradtrace.recorder.masking_hooks import MaskingHooks
from gradtrace.recorder.models import ModelWatch
from gradtrace.recorder.names import Names
from gradtrace.recorder.norms import Norms
from gradtrace.recorder.number_watch import NumberWatch
from gradtrace.recorder.optimizers import Optimizers
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.updates import Updates
from gradtrace.recorder.variables import Variables
from gradtrace.recorder.weight_masks import WeightMasks
from gradtrace.recorder.writes import Writes


class FactWatches:
    """One of each.

    Attributes:
        updates: None where steps are not looked at.
    """

    def __init__(
        self,
        config: Config,
        journal: Journal,
        failures: Failures,
        names: Names,
        leaves: Leaves,
        optimizers: Optimizers,
        table: Callable[[], ForwardTable | None],
    ) -> None:
        self._failures = failures
        self.cuts = CutWatch(journal, leaves, names, table)
        self.numbers = NumberWatch(journal, names, config.value_limit, is_on=not config.looks_closer)
        self.terms = ConstantTerms(journal)
        self.writes = Writes(journal, leaves)
        self.copies = Copies(journal, leaves, self.cuts)
        self.lookalikes = Lookalikes(journal, names, leaves)
        self.norms = Norms(journal, names, leaves)
        looks_at_steps = config.level != Level.STRUCTURE and config.passes != "last"
        self.updates = Updates(journal, optimizers) if looks_at_steps else None
        self.masking_hooks = MaskingHooks(journal)
        self.masks = WeightMasks(journal, names, leaves, self.copies)
        self.variables = Variables(journal, leaves)
        self._models = ModelWatch(journal, names, leaves)

    @property
    def observers(self) -> tuple[Observer, ...]:
        """Those that hear of every call of torch."""
        return tuple(one.saw for one in (self.cuts, self.numbers, self.copies, self.terms, self.lookalikes, self.masks))

    @property
    def bounded(self) -> tuple[CutWatch | NumberWatch | ConstantTerms, ...]:
        """Those that write down what they counted when the time has come."""
        return self.cuts, self.numbers, self.terms

    def learn(self, scope: Scope) -> None:
        """Take in the models that can be seen now."""
        self._models.learn(scope)
        self.lookalikes.learn(scope)

    def stepped(self, optimizer: Any, frame: types.FrameType) -> None:
        """An optimizer has stepped."""
        self.copies.stepped(optimizer)
        self.lookalikes.stepped(optimizer, frame)

    def after_fork(self) -> None:
        """A child of this process begins."""
        self.variables.after_fork()
        for one in (self.cuts, self.numbers, self.terms, self.copies, self.lookalikes, self.norms, self._models):
            one.after_fork()
        for other in (self.masking_hooks, self.masks, self.updates):
            if other is not None:
                other.after_fork()

    # What the program does with whole modules.

    def state_taken(self, module: Any, state: Any, frame: types.FrameType) -> None:  # noqa: ARG002 - as it is called
        """`state_dict` has given a dictionary."""
        with self._failures.looking("state_dict"):
            self.copies.taken(state, frame)

    def state_loads(self, module: Any, state: Any, frame: types.FrameType) -> None:
        """`load_state_dict` is about to copy from a dictionary."""
        with self._failures.looking("load_state_dict"):
            self.copies.loads(module, state, frame)

    def mode_switched(self, module: Any, frame: types.FrameType) -> None:
        """`train` has run."""
        with self._failures.looking("train"):
            self.norms.switched(module, frame, is_training=looking.attributes(module).get("training") is True)

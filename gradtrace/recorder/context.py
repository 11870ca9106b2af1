"""What a pass that is recorded in full works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtrace.recorder.bystanders import Bystanders
from gradtrace.recorder.compiled_graphs import CompiledGraphs
from gradtrace.recorder.config import Config
from gradtrace.recorder.failures import Failures
from gradtrace.recorder.forward_table import ForwardTable
from gradtrace.recorder.journal import Journal
from gradtrace.recorder.leaves import Leaves
from gradtrace.recorder.names import Names
from gradtrace.recorder.optimizers import Optimizers
from gradtrace.recorder.scope import Scope
from gradtrace.recorder.sites import ModuleTable

if TYPE_CHECKING:
    from gradtrace.recorder.fact_watches import FactWatches


@dataclass
class Context:
    """The tables of a process and the observers that a pass asks.

    Attributes:
        tables: gives the forward tables of all threads, this one's first if it has one.
        table: gives the forward table of this thread.
        saw_saved_hooks: the program used hooks for saved tensors: to look at these might run them.
        met_fake: a pass ran over tensors without values.
    """

    config: Config
    journal: Journal
    failures: Failures
    names: Names
    modules: ModuleTable
    leaves: Leaves
    optimizers: Optimizers
    facts: FactWatches | None
    table: Callable[[], ForwardTable | None]
    tables: Callable[[], list[ForwardTable]]
    bystanders: Bystanders
    compiled: CompiledGraphs
    saw_saved_hooks: bool = False
    met_fake: bool = False

    def learn(self, scope: Scope) -> None:
        """Take in the models that can be seen now."""
        called = [module for reference in self.modules.roots.copy().values() if (module := reference()) is not None]
        self.names.learn(scope, called)
        self.leaves.shards.learn(self.names.models())
        self.leaves.name_unnamed(scope)
        if self.facts is not None:
            self.facts.learn(scope)

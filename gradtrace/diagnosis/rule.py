"""What a rule is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gradtrace.model import Finding, Severity, Trace
from gradtrace.model.needs import Needs


@dataclass(frozen=True, slots=True)
class Rule:
    """One diagnosis.

    Attributes:
        name: reads as "allow NAME": `zero-grad-forgotten`.
        severity: of its findings unless they say otherwise.
        summary: one line for lists.
        check: yields the findings in a trace; pure, over the model alone.
        page: the docstring of the rule's module: what it does, why it is bad, example, use instead, how it is detected,
            known problems.
        without: for a last rule, which is heard only when no other rule explains what it tells: the trace as if that
            had not happened. A finding of another rule that is gone in it explains it.
        is_about_ranks: it compares the ranks of a distributed run, and so looks at all of them where one is shown.
        needs: what it reads of tensors. What is not declared here is not measured; a test holds that it is not read.
    """

    name: str
    severity: Severity
    summary: str
    check: Callable[[Trace], Iterator[Finding]]
    page: str
    without: Callable[[Trace], Trace] | None = None
    needs: Needs = ()
    is_about_ranks: bool = False

"""The fixture `gradtrace`: records a block of a test, and asserts what its gradients should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gradtrace.errors import GradtraceError
from gradtrace.integrations.block import Block
from gradtrace.integrations.unwarned import unwarned

if TYPE_CHECKING:
    from gradtrace.analysis.leftovers import Leftover
    from gradtrace.analysis.reasons import Subject
    from gradtrace.model import Finding, Leaf, Trace

_PASSES = ((1, 100),)
_WIDTH = 80
_MOST_NAMES = 6


class GradtraceFixture:
    """Records what runs in `with gradtrace:`; the assertions and the findings are about the latest block.

    Args:
        folders: where the program's own source files lie, which may be opened for the comments in them.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = tuple(folders)
        self._block = Block(_PASSES, self._folders)
        self._examined: Trace | None = None

    def __repr__(self) -> str:
        """What a failure shows among the arguments of its test."""
        return "<gradtrace>"

    def __enter__(self) -> Self:
        """Begin to record."""
        self._examined = None
        self._block.begin()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Record no longer."""
        self._block.end(error)

    @property
    def trace(self) -> Trace:
        """What was recorded, with its findings.

        Raises:
            GradtraceError: no block has ended.
        """
        if self._examined is None:
            trace = self._block.trace
            with unwarned():
                from gradtrace.diagnosis.examine import examine
                from gradtrace.diagnosis.selection import Selection
                from gradtrace.model.kinds import Severity

                selection = Selection(ignore=("unused-ignore", "program-failed"), severity=Severity.INFO)
                self._examined = examine(trace, selection, sources=self._folders)
        return self._examined

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the gradients of the block, the most severe first."""
        return self.trace.findings

    def explain(self, **options: Any) -> str:
        """Where each gradient of the block comes from, as `gradtrace explain` says it.

        Args:
            **options: those of `gradtrace.explain`: `width`, `verbose`, ...
        """
        from gradtrace.api import explain

        return explain(self.trace, **{"width": _WIDTH, **options})

    def assert_all_receive(self, model: Any, *, ignore: str | Iterable[str] = (), allow_zero: bool = False) -> None:
        """Every parameter that requires grad got a gradient, or failing that: the line at which each was lost.

        Args:
            model: a module, or tensors: by name in a mapping, or one after the other.
            ignore: names, or patterns such as `"aux.*"`, of parameters that need none.
            allow_zero: a gradient of exact zeros is one, too.

        Raises:
            AssertionError: some got none, or exact zeros.
            GradtraceError: nothing was recorded, a pattern fits no name, or no parameter is left to be asked about.
        """
        __tracebackhide__ = True
        self._assert_some_pass()
        parameters = _wanted(self._named(model), ignore)
        lost = self._lost(parameters, allow_zero=allow_zero)
        if lost:
            raise AssertionError(self._told_lost(lost, len(parameters)))

    def assert_finite(self) -> None:
        """No pass of the block began at, or gave a leaf, NaN or an infinity.

        Raises:
            AssertionError: one did; with the operation that made the first one, where that is known.
            GradtraceError: nothing was recorded.
        """
        __tracebackhide__ = True
        self._assert_some_pass()
        from gradtrace.analysis.outcome import has_bad_root, is_poisoned, poisoned_in_ledger
        from gradtrace.text.wording import at

        bad = next((one for one in self.trace.passes if is_poisoned(one)), None)
        in_ledger = poisoned_in_ledger(self.trace)
        if bad is None and in_ledger is None:
            return
        if bad is not None:
            what = "the value at which it begins" if has_bad_root(bad) else "a gradient"
            said = f"In pass {bad.index}{at(bad.location)}, {what} is not finite."
        else:
            said = f"Not finite: {in_ledger}."
        about = tuple(one for one in self.findings if bad is None or not one.passes or bad.index in one.passes)
        raise AssertionError(_paragraphs(said, self._told_findings(about)))

    def assert_cleared(self) -> None:
        """No pass of the block added to a gradient that a step had used already, or that was there before the block.

        To add up several passes before one step is no mistake.

        Raises:
            AssertionError: one did.
            GradtraceError: nothing was recorded.
        """
        __tracebackhide__ = True
        self._assert_some_pass()
        from gradtrace.analysis.leftovers import leftovers

        found = leftovers(self.trace)
        if found:
            raise AssertionError(_told_leftovers(found))

    def assert_no_findings(self, *, ignore: str | Iterable[str] = (), severity: str = "warning") -> None:
        """No rule finds anything wrong with the gradients of the block.

        Args:
            ignore: rules whose findings do not count.
            severity: the least severe findings that count: `error`, `warning` or `info`.

        Raises:
            AssertionError: something was found, or not all could be looked at.
            GradtraceError: nothing was recorded, or there is no such rule or severity.
        """
        __tracebackhide__ = True
        from gradtrace.analysis.coverage import coverage
        from gradtrace.diagnosis.registry import RULES
        from gradtrace.diagnosis.selection import Selection
        from gradtrace.model.kinds import Severity
        from gradtrace.text.coverage_words import said

        if severity not in tuple(Severity):
            raise GradtraceError(f"severity is {severity!r}: it is {', '.join(Severity)}")
        selection = Selection(ignore=_names(ignore), severity=Severity(severity))
        selection.rules(RULES)
        found = tuple(one for one in selection.shown(self.findings) if one.rule not in selection.ignore)
        gaps = [said(gap) for gap in coverage(self.trace) if gap.is_open]
        if found or gaps:
            raise AssertionError(_paragraphs(self._told_findings(found), *(f"Could not look: {gap}" for gap in gaps)))

    def _named(self, model: Any) -> dict[str, Any]:
        """Tensors by name: those of a module or a mapping, else what the program calls them."""
        __tracebackhide__ = True
        if hasattr(model, "named_parameters"):
            return dict(model.named_parameters())
        if isinstance(model, Mapping):
            return {str(name): tensor for name, tensor in model.items()}
        if isinstance(model, str) or not (hasattr(model, "requires_grad") or isinstance(model, Iterable)):
            raise GradtraceError(f"assert_all_receive takes a module or tensors, and not a {type(model).__name__}")
        named: dict[str, Any] = {}
        for number, tensor in enumerate([model] if hasattr(model, "requires_grad") else model):
            if not hasattr(tensor, "requires_grad"):
                raise GradtraceError(f"assert_all_receive takes tensors, and [{number}] is a {type(tensor).__name__}")
            leaf = self._block.leaf(tensor)
            name = f"[{number}]" if leaf is None else leaf.name
            named[name if name not in named else f"{name} [{number}]"] = tensor
        return named

    def _assert_some_pass(self) -> None:
        __tracebackhide__ = True
        if not any(not one.is_drawn_only for one in self._block.trace.passes):
            raise AssertionError("no backward pass ran in the `with gradtrace:` block")

    def _lost(self, parameters: Mapping[str, Any], *, allow_zero: bool) -> list[tuple[str, Subject | None]]:
        """The parameters that got nothing, by name, with the reason; None where nothing is known of one."""
        from gradtrace.analysis.reasons import why_leaves
        from gradtrace.integrations.received import accepted, received

        trace = self.trace
        has = received(trace, allow_zero=allow_zero)
        leaves: dict[str, Leaf | None] = {name: self._block.leaf(tensor) for name, tensor in parameters.items()}
        open_ = {name: leaf for name, leaf in leaves.items() if leaf is None or leaf.id not in has}
        known = [(name, leaf) for name, leaf in open_.items() if leaf is not None]
        named = [replace(leaf, name=name) for name, leaf in known]
        subjects = why_leaves(trace, named, self._folders)
        by_name = dict(zip((name for name, _ in known), subjects, strict=True))
        return [
            (name, by_name.get(name))
            for name in open_
            if name not in by_name or not accepted(by_name[name], allow_zero=allow_zero)
        ]

    def _told_lost(self, lost: list[tuple[str, Subject | None]], n_asked: int) -> str:
        from gradtrace.analysis.reasons import grouped
        from gradtrace.integrations.received import got
        from gradtrace.renderers.why import reason
        from gradtrace.text.wording import count, listing

        names = [name for name, _ in lost]
        n_passes = sum(one.count for one in self.trace.passes if not one.is_drawn_only)
        subjects = [subject for _, subject in lost if subject is not None]
        head = (
            f"{len(lost)} of {count(n_asked, 'parameter')} got {got(subjects)} in {count(n_passes, 'pass')}:"
            f" {listing(names, _MOST_NAMES)}"
        )
        answer = grouped("", subjects)
        told = reason.render(answer, reason.Options(width=_WIDTH)) if answer.subjects else ""
        unknown = [name for name, subject in lost if subject is None]
        if unknown:
            takes = "takes" if len(unknown) == 1 else "take"
            unmet = (
                f"{listing(unknown, _MOST_NAMES)} {takes} part in no pass: nothing in the block was computed with it."
            )
        return _paragraphs(head, told, unmet if unknown else "")

    def _told_findings(self, findings: Sequence[Finding]) -> str:
        if not findings:
            return ""
        from gradtrace.diagnosis.examine import seen_from
        from gradtrace.renderers.findings import full

        folder = self._folders[-1] if self._folders else Path.cwd()
        near = tuple(seen_from(finding, folder) for finding in findings)
        return full.render(replace(self.trace, findings=near), full.Options(width=_WIDTH))


def _wanted(parameters: Mapping[str, Any], ignore: str | Iterable[str]) -> dict[str, Any]:
    """The tensors that are to get a gradient, by name."""
    __tracebackhide__ = True
    patterns = _names(ignore)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in parameters):
            close = get_close_matches(pattern, parameters, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise GradtraceError(f"ignore={pattern!r} fits no parameter{meant}")
    wanted = {
        name: tensor
        for name, tensor in parameters.items()
        if tensor.requires_grad and not any(fnmatchcase(name, pattern) for pattern in patterns)
    }
    if not wanted:
        raise GradtraceError("there is no parameter to ask about: all are ignored, or none requires grad")
    return wanted


def _names(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _told_leftovers(found: Sequence[Leftover]) -> str:
    from gradtrace.text.wording import at, listing

    groups: dict[object, list[Leftover]] = {}
    for one in found:
        groups.setdefault((one.backward.index, one.step and one.step.order), []).append(one)
    told = []
    for members in groups.values():
        one = members[0]
        names = listing([member.leaf.name for member in members], _MOST_NAMES)
        added = f"Pass {one.backward.index}{at(one.backward.location)} added to the gradients of {names},"
        if one.step is None:
            told.append(f"{added} which were there before the block began. Clear them before it.")
        else:
            step = f"{one.step.call or 'step'}(){at(one.step.location)}"
            told.append(f"{added} which {step} had used already. Call zero_grad() between the two.")
    return _paragraphs(*told)


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(text.strip("\n") for text in texts if text)

"""Which rules are heard, and which findings are worth showing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gradtrace.errors import UsageError
from gradtrace.model.kinds import Severity
from gradtrace.suggest import did_you_mean

if TYPE_CHECKING:
    from gradtrace.diagnosis.rule import Rule
    from gradtrace.model import Finding
    from gradtrace.project.settings import ProjectSettings


@dataclass(frozen=True, slots=True)
class Selection:
    """What a person asked to hear.

    Attributes:
        select: names of the only rules to run; empty for all.
        ignore: names of rules not to run.
        severity: the least severe findings that are shown.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Severity = Severity.WARNING

    def rules(self, among: Sequence[Rule]) -> tuple[Rule, ...]:
        """The rules to run.

        Raises:
            UsageError: if a name is no rule's, with those that are close to it.
        """
        for name in (*self.select, *self.ignore):
            rule_named(name, among)
        return tuple(
            rule for rule in among if (not self.select or rule.name in self.select) and rule.name not in self.ignore
        )

    def shown(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Those that are severe enough."""
        severities = tuple(Severity)  # from the most severe to the least
        wanted = severities[: severities.index(self.severity) + 1]
        return tuple(finding for finding in findings if finding.severity in wanted)


def settled(project: ProjectSettings) -> Selection:
    """The rules that a project chooses.

    Raises:
        UsageError: if a name is no rule's, with the file and the key.
    """
    if project.select or project.ignore:
        from gradtrace.diagnosis.registry import RULES  # noqa: PLC0415  all rules, for the names of some projects only

        for key, names in (("select", project.select), ("ignore", project.ignore)):
            for name in names:
                try:
                    rule_named(name, RULES)
                except UsageError as error:
                    raise project.blamed(key, error) from None
    return Selection(project.select, project.ignore, project.severity or Severity.WARNING)


def rule_named(name: str, among: Sequence[Rule]) -> Rule:
    """The rule of this name.

    Raises:
        UsageError: if there is none, with those that are close to it.
    """
    for rule in among:
        if rule.name == name:
            return rule
    meant = did_you_mean(name.replace("_", "-").lower(), [rule.name for rule in among], alike=0.5)
    raise UsageError(f"there is no rule {name!r}{f'; {meant}' if meant else '.'} All of them: gradtrace rule --list")


def names_in(text: str) -> tuple[str, ...]:
    """The names in a list with commas or spaces between them."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))

"""A diagnosed problem."""

from __future__ import annotations

from dataclasses import dataclass

from gradtrace.model.kinds import Severity
from gradtrace.model.location import Location


@dataclass(frozen=True, slots=True)
class RelatedLocation:
    """Another place that explains a finding, with what happened there."""

    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One diagnosed problem."""

    rule: str
    severity: Severity
    message: str
    location: Location | None = None
    related: tuple[RelatedLocation, ...] = ()
    help: str = ""
    leaves: tuple[int, ...] = ()
    passes: tuple[int, ...] = ()

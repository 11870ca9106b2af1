"""What a diagnosis found."""

from gradtrace.model import Finding as Found
from gradtrace.model import Severity
from gradtrace.renderers.document.layout import Part
from gradtrace.renderers.document.mirror import mirrored
from gradtrace.renderers.document.tensors import Location


class RelatedLocation(Part, frozen=True, kw_only=True):
    """Another place that explains a finding.

    Attributes:
        location: the place.
        message: what happened there.
    """

    location: Location | None
    message: str


class Finding(Part, frozen=True, kw_only=True):
    """A diagnosed problem.

    Attributes:
        rule: the rule that found it; `gradtrace rule NAME` is its page.
        severity: how bad it is; `info` is never counted.
        message: what is wrong, in a sentence.
        location: the line that matters most, or null.
        related: other places that explain it.
        help: what to do about it; empty where nothing can be said.
        leaves: ids of the leaves concerned.
        passes: indices of the passes concerned.
    """

    rule: str
    severity: Severity
    message: str
    location: Location | None
    related: list[RelatedLocation]
    help: str
    leaves: tuple[int, ...]
    passes: tuple[int, ...]


def finding(one: Found) -> Finding:
    """A finding of a trace."""
    return mirrored(Finding, one, related=[mirrored(RelatedLocation, each) for each in one.related])

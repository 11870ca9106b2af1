"""What renderers read of a rule, which they do not import."""

from typing import Protocol

from gradtrace.model import Severity


class RuleText(Protocol):
    """What is written of a rule."""

    @property
    def name(self) -> str:
        """Its id."""

    @property
    def severity(self) -> Severity:
        """`error`, `warning` or `info`."""

    @property
    def summary(self) -> str:
        """One line."""

    @property
    def page(self) -> str:
        """Its page in Markdown."""

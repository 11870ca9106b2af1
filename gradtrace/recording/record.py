"""What all lines of a recording have in common."""

import msgspec

Num = int | float | str
"""A number, or `"nan"`, `"inf"`, `"-inf"`."""


class Record(msgspec.Struct, frozen=True, tag_field="t"):
    """One line."""

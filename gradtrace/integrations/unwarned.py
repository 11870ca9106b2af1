"""What we import and do in a host's process raises no warning there."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unwarned() -> Iterator[None]:
    """What we import and do raises no warning that the host takes for the program's, or turns into an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

"""What gradtrace itself has to say: lines on stderr, each begun by its name."""

import contextlib
import sys


def say(text: str) -> None:
    """Writes `gradtrace: TEXT` to stderr."""
    with contextlib.suppress(OSError, ValueError):  # nobody listens
        if sys.stderr is not None:
            sys.stderr.write(f"gradtrace: {_inert(text)}\n")
            sys.stderr.flush()


def say_error(text: str, kind: str = "error") -> None:
    """Writes `gradtrace: error: TEXT`; never silenced."""
    say(f"{kind}: {text}")


def _inert(text: str) -> str:
    """Keeps line breaks; other control characters, direction marks and lone surrogates are shown as escapes."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)

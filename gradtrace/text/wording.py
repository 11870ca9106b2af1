"""Numbers, counts, tensors and places as words: one way to say each, in every renderer.

What comes back is plain text that may still hold the user's own characters (a file name); the renderer makes it inert
for its format through `text.escape`.
"""

import math
from collections.abc import Iterable, Sequence

from gradtrace.model import Location, NestedValue, Number, TensorSpec, TensorStats
from gradtrace.model.run import spans

_PLAIN_LIMIT = 1e6
"""From here on, a number is written with an exponent."""

_INLINE_WIDTH = 28
"""A small tensor is written out in full when its text is no longer than this; else its norm stands for it."""

_IRREGULAR_PLURALS = {"leaf": "leaves", "this": "these", "child": "children"}

_PACKAGE_FILES = frozenset({"__init__.py", "__main__.py"})


def number(x: Number | None, digits: int = 4) -> str:
    """One number to `digits` significant digits: `0.5`, `2`, `12346`, `1.234e-05`, `nan`, `-inf`, `1+2j`.

    Whole numbers below a million keep all their digits. A complex number arrives as text; each of its parts is rounded.
    """
    if isinstance(x, str):
        return _complex(x, digits)
    return _real(x, digits) if isinstance(x, float) else str(x)


def _real(x: float, digits: int) -> str:
    if not math.isfinite(x):
        return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
    if x == 0:
        return "0"
    if abs(x) < _PLAIN_LIMIT and (x.is_integer() or abs(x) >= 10**digits):
        return f"{x:.0f}"
    return f"{x:.{digits}g}"


def _complex(text: str, digits: int) -> str:
    try:
        parsed = complex(text.strip().replace(" ", ""))
    except ValueError:
        return text
    if "j" not in text.lower():
        return number(parsed.real, digits)
    imaginary = number(parsed.imag, digits)
    sign = "" if imaginary.startswith("-") else "+"
    return f"{number(parsed.real, digits)}{sign}{imaginary}j"


def elements(nested: NestedValue, digits: int = 4) -> str:
    """All elements in the tensor's own nesting: `0.5`, `[1, 2, 3]`, `[[1, 2], [3, 4]]`."""
    if isinstance(nested, (list, tuple)):
        return f"[{', '.join(elements(item, digits) for item in nested)}]"
    return number(nested, digits)


def gradient(stats: TensorStats | None, digits: int = 4) -> str:
    """A gradient: all its elements when they are few, else its norm `|g| = 0.0123`; `None` when there is none."""
    return _tensor(stats, "g", digits)


def gradient_norm(stats: TensorStats | None, digits: int = 4) -> str:
    """The norm of a gradient, `|g| = 0.0123`, also where its elements are few; `None` when there is none."""
    if stats is None or stats.norm is None or stats.numel <= 1:
        return gradient(stats, digits)
    return _norm(stats, "g", digits)


def gradients(many: Sequence[TensorStats | None]) -> list[str]:
    """Gradients of one leaf side by side: where one is too long for its elements, all are told by their norms."""
    texts = [gradient(stats) for stats in many]
    if not any(text.startswith("|g|") for text in texts):
        return texts
    return [
        text if stats is None or stats.norm is None or stats.numel <= 1 else _norm(stats, "g", 4)
        for stats, text in zip(many, texts, strict=True)
    ]


def value(stats: TensorStats | None, digits: int = 4) -> str:
    """A forward value, like `gradient`, with `|x| = 3.2` for a large one."""
    return _tensor(stats, "x", digits)


def _tensor(stats: TensorStats | None, letter: str, digits: int) -> str:
    if stats is None:
        return "None"
    if stats.numel == 0:
        return "empty"
    if stats.value is not None:
        text = elements(stats.value, digits)
        if len(text) <= _INLINE_WIDTH:
            return text
    if stats.norm is not None:
        return _norm(stats, letter, digits)
    if stats.value is not None:
        return elements(stats.value, digits)
    return non_finite(stats) or spec(stats.shape, stats.dtype)


def _norm(stats: TensorStats, letter: str, digits: int) -> str:
    bad = non_finite(stats)
    return f"|{letter}| = {number(stats.norm or 0.0, digits)}" + (f" ({bad})" if bad else "")


def non_finite(stats: TensorStats) -> str:
    """How many elements are not finite, `3 NaN, 1 Inf`; empty when none is known to be."""
    counts = ((stats.nan, "NaN"), (stats.inf, "Inf"))
    return ", ".join(f"{n:,} {kind}" for n, kind in counts if n)


def size(n_bytes: int) -> str:
    """An amount of memory to three digits, in powers of 1,000: `0 B`, `512 B`, `34.7 kB`, `12.6 MB`, `1.2 GB`."""
    amount = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 999.5 or unit == "TB":  # noqa: PLR2004 - rounded it has three digits
            break
        amount /= 1000
    digits = 0 if unit == "B" or amount >= 99.95 else 1  # noqa: PLR2004
    return f"{amount:,.{digits}f} {unit}"


def spec(shape: Iterable[int | str] | None, dtype: str | None, device: str = "cpu") -> str:
    """A tensor's shape and dtype, `f32[2,3]`, with the device only when it is not the cpu; empty when unknown.

    Args:
        shape: its extents; one that varies from call to call is a symbol such as `s0`.
        dtype: without the `torch.`.
        device: where it lies.
    """
    if shape is None or dtype is None:
        return ""
    return str(TensorSpec(tuple(shape), dtype, device))  # type: ignore[arg-type]  # it writes symbols, too


_LONGEST_NAME = 60


def short(text: str) -> str:
    """A name or a call, without the rest of one that nobody would read."""
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def location(loc: Location | None) -> str:
    """A place, short: `train.py:12`, `net/__init__.py:3`; empty for None."""
    if loc is None:
        return ""
    parts = loc.file.replace("\\", "/").split("/")
    keep = 2 if parts[-1] in _PACKAGE_FILES else 1
    return f"{'/'.join(parts[-keep:])}:{loc.line}"


def at(loc: Location | None) -> str:
    """A place as the end of a phrase: ` at train.py:12`; empty for None."""
    return f" at {location(loc)}" if loc is not None else ""


def source_text(loc: Location | None) -> str:
    """The text of the line of a place, without its indentation; empty for None."""
    return "" if loc is None else " ".join(loc.text.split())


def plural(noun: str) -> str:
    """The plural of a noun, or of a phrase by its last word: `passes`, `leaves`, `entries`."""
    if noun in _IRREGULAR_PLURALS:
        return _IRREGULAR_PLURALS[noun]
    head, space, last = noun.rpartition(" ")
    if space:
        return f"{head} {plural(last)}"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def count(n: int, noun: str) -> str:
    """A number of things: `1 pass`, `3 passes`, `25,000 nodes`, `2 leaves`."""
    return f"{n:,} {noun if n == 1 else plural(noun)}"


def pass_of(index: int, n: int) -> str:
    """Which pass of how many: `pass 2 of 3`; `pass 7` in a part of a recording, whose passes keep their numbers."""
    return f"pass {index:,} of {n:,}" if index <= n else f"pass {index:,}"


def shape_text(sizes: Sequence[int]) -> str:
    """`8`, `[3, 4]`."""
    return str(sizes[0]) if len(sizes) == 1 else f"[{', '.join(map(str, sizes))}]"


def ordinal(n: int) -> str:
    """`1st`, `2nd`, `3rd`, `4th`, `11th`."""
    suffix = "th" if n % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{suffix}"


def listing(words: Sequence[str], limit: int = 6) -> str:
    """Words as a list: `a`, `a and b`, `a, b and c`, `a, b, c and 12 more`."""
    shown = list(words) if len(words) <= limit else [*words[: limit - 1], f"{len(words) - limit + 1:,} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def passes(numbers: Sequence[int]) -> str:
    """`pass 3`, `passes 1-3, 5`; where that would be long, how many they are and from where to where."""
    text = ranges(numbers)
    if len(text) > _LONGEST_RANGES:
        return f"{count(len(numbers), 'pass')} from {numbers[0]:,} to {numbers[-1]:,}"
    return f"{'pass' if len(numbers) == 1 else 'passes'} {text}"


_LONGEST_RANGES = 40


def ranges(numbers: Iterable[int]) -> str:
    """Numbers with their runs drawn together: `1-3, 5, 8-9`."""
    return ", ".join(spans(numbers))

"""The options that several commands declare alike, how the values of options are read, and how they are completed."""

from collections.abc import Callable, Iterable
from typing import Annotated

import typer

from gradtrace.errors import UsageError
from gradtrace.model.run_options import LARGEST_SEED, LEAST_SEED
from gradtrace.suggest import did_you_mean, no_such

RUN = "Run"
"""The group of the options that say how a program is run."""

_DEVICES = ("cpu", "cuda", "cuda:0", "cuda:1", "mps", "xpu")
"""What is offered for `--device`; which of them exist only torch knows."""


def number(at_least: int | None = None) -> Callable[[str], int]:
    """Reads a whole number."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise typer.BadParameter(f"{text!r} is not a valid integer.") from None
        if at_least is not None and value < at_least:
            raise typer.BadParameter(f"{value} is not in the range x>={at_least}.")
        return value

    return read


def seconds(text: str) -> float:
    """Reads a duration."""
    try:
        value = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a valid float.") from None
    if not value > 0:
        raise typer.BadParameter(f"{value} is not in the range x>0.")
    return value


def seed(text: str) -> int:
    """Reads a number that `torch.manual_seed` takes."""
    value = number()(text)
    if not LEAST_SEED <= value <= LARGEST_SEED:
        raise typer.BadParameter(f"{value} is not in the range -2**63<=x<2**64.")
    return value


def choice(*values: str) -> Callable[[str], str]:
    """Reads one of these words."""

    def read(text: str) -> str:
        if text not in values:
            meant = did_you_mean(text.lower(), values, most=1)
            raise typer.BadParameter(
                f"{text!r} is not one of {', '.join(map(repr, values))}{f'; {meant}' if meant else '.'}"
            )
        return text

    return read


def completed(values: Iterable[str]) -> Callable[[str], list[str]]:
    """Offers those of these words that begin like what was typed."""
    known = tuple(values)

    def offer(incomplete: str) -> list[str]:
        return [value for value in known if value.startswith(incomplete)]

    return offer


def complete_pictures(incomplete: str) -> list[str]:
    """Offers the formats of `render`."""
    from gradtrace.renderers.registry import PICTURES

    return completed(PICTURES)(incomplete)


def complete_stories(incomplete: str) -> list[str]:
    """Offers the formats of `explain`."""
    from gradtrace.renderers.registry import STORIES

    return completed(STORIES)(incomplete)


def complete_diagnoses(incomplete: str) -> list[str]:
    """Offers the formats of `check`."""
    from gradtrace.renderers.registry import DIAGNOSES

    return completed(DIAGNOSES)(incomplete)


def complete_rules(incomplete: str) -> list[str]:
    """Offers the names of the rules; of several with commas between them, the last is completed."""
    from gradtrace.diagnosis.registry import RULES

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{rule.name}" for rule in RULES if rule.name.startswith(last)]


OutputOption = Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="Where to; default: stdout.")]
AsciiOption = Annotated[bool, typer.Option("--ascii", help="No characters beyond ASCII.")]

_COLORS = ("auto", "always", "never")
ColorOption = Annotated[
    str,
    typer.Option(
        "--color",
        metavar="WHEN",
        parser=choice(*_COLORS),
        autocompletion=completed(_COLORS),
        show_default=False,
        help="Colours: auto, always or never.",
    ),
]

DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        autocompletion=completed(_DEVICES),
        rich_help_panel=RUN,
        help="Make tensors on: cpu, cuda, cuda:1, mps.",
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", parser=seed, rich_help_panel=RUN, help="Seed torch's random numbers."),
]
PythonOption = Annotated[
    str | None, typer.Option("--python", metavar="PATH", rich_help_panel=RUN, help="Run with another interpreter.")
]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing of our own on stderr.")]
VerboseOption = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.")]


def _format_name(*names: str) -> Callable[[str], str]:
    """Reads the name of a format."""

    def read(text: str) -> str:
        if text not in names:
            raise UsageError(no_such("format", text, names))
        return text

    return read


def format_option(*names: str) -> object:
    """`-f FORMAT`, one of these."""
    return typer.Option(
        "-f",
        "--format",
        metavar="FORMAT",
        parser=_format_name(*names),
        autocompletion=completed(names),
        show_default=False,
        help=f"{', '.join(names[:-1])} or {names[-1]}.",
    )


TextFormatOption = Annotated[str, format_option("text", "markdown")]


def pass_option(doing: str) -> object:
    """`--pass N`, with a word for what is done with that pass."""
    return typer.Option(
        "--pass", metavar="N", parser=number(1), min=1, help=f"Which pass to {doing}; default: the first."
    )

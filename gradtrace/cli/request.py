"""The options that every command with a TARGET takes, and what they add up to."""

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from gradtrace.cli.messages import say
from gradtrace.errors import UsageError
from gradtrace.launch import Settings, Target, TargetKind, parse_passes, parse_target
from gradtrace.model.kinds import Level
from gradtrace.model.needs import Needs

_SECONDS = click.FloatRange(0, min_open=True)

_DTYPES = click.Choice(["float16", "bfloat16", "float32", "float64"])

_LEVELS = click.Choice([level.value for level in Level])

_COLORS = click.Choice(["auto", "always", "never"])

_FIRST_PASSES = "1-3"

_MOST_REPEATED = 100
"""Of the passes of a repeated expression, so many are recorded in full unless --passes says otherwise."""

_OPTIONS = (
    click.argument("words", nargs=-1, metavar="TARGET [NAME=VALUE]... [-- ARGUMENT...]"),
    click.option("-m", "module", metavar="MODULE", help="Run a module, as python -m does."),
    click.option("-c", "code", metavar="CODE", help="Run this code, as python -c does."),
    click.option("--device", metavar="DEVICE", help="Make tensors on: cpu, cuda, cuda:1, mps."),
    click.option("--seed", type=int, metavar="N", help="Seed torch's random numbers."),
    click.option("--dtype", type=_DTYPES, metavar="DTYPE", help="Default floating point type: float32, float64."),
    click.option(
        "--passes", default=_FIRST_PASSES, metavar="N-M", help="Record in full: 1-3 (default), 100, 5-, all, last."
    ),
    click.option("--stop-after", type=click.IntRange(1), metavar="N", help="End the program after N passes."),
    click.option("--timeout", type=_SECONDS, metavar="S", help="End the program after S seconds."),
    click.option("--root", "roots", multiple=True, metavar="NAME", help="Draw this if backward never runs."),
    click.option(
        "--level", type=_LEVELS, default=Level.DEFAULT.value, metavar="LEVEL", help="Measure: structure, default, full."
    ),
    click.option("--grad-output", metavar="EXPR", help="For expressions: start with this gradient, not 1."),
    click.option("--repeat", type=click.IntRange(1), metavar="N", help="For expressions: N passes, zeroed in between."),
    click.option("--no-zero", is_flag=True, help="For expressions: never call zero_grad()."),
    click.option("--python", metavar="PATH", help="Run with another interpreter."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing of our own on stderr."),
    click.option("-v", "--verbose", is_flag=True, help="Say more."),
    click.option("--color", type=_COLORS, default="auto", metavar="WHEN", help="Colours: auto, always or never."),
)


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: the target, how to run it, and how to talk about it."""

    target: Target
    settings: Settings
    quiet: bool
    verbose: bool
    color: str

    def say(self, text: str) -> None:
        """Writes one of our own lines to stderr, unless silenced."""
        if not self.quiet:
            say(text)

    @property
    def sources(self) -> tuple[Path, ...]:
        """Folders in which source files may be opened: the current one, and that of the target."""
        folders = [Path(os.path.realpath("."))]
        if self.target.is_path:
            path = Path(os.path.realpath(self.target.path))
            folders.append(path if path.is_dir() else path.parent)
        return tuple(folders)

    def with_stdout_diverted(self) -> "Request":
        """The same, with the program's stdout going to stderr."""
        return replace(self, settings=replace(self.settings, divert_stdout=True))

    def with_facts(self, needs: Needs) -> "Request":
        """The same, with the recorder watching for what a diagnosis needs; a recording has what it has."""
        if self.target.kind is TargetKind.RECORDING:
            return self
        return replace(self, settings=replace(self.settings, facts=True, needs=needs))


def takes_target(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the shared options; it is called with a `Request` in their place."""

    @wraps(command)
    @click.pass_obj
    def with_request(program_argv: list[str] | None, /, **values: Any) -> int:
        shared = {name: values.pop(name) for name in _NAMES}
        return command(_request(program_argv, **shared), **values)

    decorated: Callable[..., int] = with_request
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_NAMES = (
    *("words", "module", "code", "device", "seed", "dtype", "passes", "stop_after", "timeout", "roots"),
    *("level", "grad_output", "repeat", "no_zero", "python", "quiet", "verbose", "color"),
)


def _request(
    program_argv: list[str] | None,
    *,
    words: tuple[str, ...],
    module: str | None,
    code: str | None,
    grad_output: str | None,
    repeat: int | None,
    no_zero: bool,
    passes: str,
    quiet: bool,
    verbose: bool,
    color: str,
    **settings: Any,
) -> Request:
    target = parse_target(words, module=module, code=code, program_argv=program_argv, grad_output=grad_output)
    if repeat is not None or no_zero:
        target = _repeated(target, repeat, zero=not no_zero)
        if repeat is not None and passes == _FIRST_PASSES:
            passes = f"1-{min(repeat, _MOST_REPEATED)}"
    endless = target.kind is not TargetKind.EXPRESSION  # these end after their passes
    if not endless and settings["level"] == Level.DEFAULT:
        settings["level"] = Level.FULL  # an expression is small, and its story tells which elements got exactly 0
    asked = Settings(passes=parse_passes(passes), announce=not quiet and endless, **settings)
    if target.kind is TargetKind.RECORDING:
        _refuse_settings(target, asked)
    return Request(target, asked, quiet=quiet, verbose=verbose, color=color)


def _repeated(target: Target, repeat: int | None, *, zero: bool) -> Target:
    if target.expression is None:
        option = "--no-zero" if repeat is None else "--repeat"
        raise UsageError(f"{option} is for expressions; {target.text} is a {target.kind.value}")
    return replace(target, expression=replace(target.expression, repeat=repeat, zero=zero))


def _refuse_settings(target: Target, asked: Settings) -> None:
    default = Settings(announce=asked.announce)
    for field in fields(Settings):
        if getattr(asked, field.name) != getattr(default, field.name):
            option = "--" + field.name.replace("roots", "root").replace("_", "-")
            raise UsageError(
                f"{option} says how to run a program, and {target.text} is a recording: nothing runs again"
            )

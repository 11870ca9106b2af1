"""The options that every command with a TARGET takes, and what they add up to."""

import inspect
import os
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from gradtrace.cli.messages import say
from gradtrace.cli.options import (
    RUN,
    ColorOption,
    DeviceOption,
    PythonOption,
    QuietOption,
    SeedOption,
    VerboseOption,
    choice,
    completed,
    number,
    seconds,
)
from gradtrace.errors import UsageError
from gradtrace.launch import Settings, Target, TargetKind, parse_passes, parse_target
from gradtrace.model.kinds import Level
from gradtrace.model.needs import Needs

_DTYPES = ("float16", "bfloat16", "float32", "float64")
_LEVELS = tuple(level.value for level in Level)

_FIRST_PASSES = "1-3"

_SMALL_PASSES = 50
"""Of a program of few nodes a pass, so many passes are recorded in full unless --passes says otherwise."""

_MOST_REPEATED = 100
"""Of the passes of a repeated expression, so many are recorded in full unless --passes says otherwise."""

_RECORD, _EXPRESSION = "Record", "Expressions"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetOptions:
    """What every command with a TARGET may be told: each field is an option of the command line."""

    module: Annotated[
        str | None,
        typer.Option("-m", metavar="MODULE", rich_help_panel=RUN, help="Run a module, as python -m does."),
    ] = None
    code: Annotated[
        str | None, typer.Option("-c", metavar="CODE", rich_help_panel=RUN, help="Run this code, as python -c does.")
    ] = None
    device: DeviceOption = None
    seed: SeedOption = None
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="DTYPE",
            parser=choice(*_DTYPES),
            autocompletion=completed(_DTYPES),
            rich_help_panel=RUN,
            help="Default floating point type: float32, float64.",
        ),
    ] = None
    stop_after: Annotated[
        int | None,
        typer.Option(
            "--stop-after",
            metavar="N",
            parser=number(1),
            min=1,
            rich_help_panel=RUN,
            help="End the program after N passes.",
        ),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="S",
            parser=seconds,
            rich_help_panel=RUN,
            help="End the program after S seconds.  [x>0]",
        ),
    ] = None
    python: PythonOption = None
    passes: Annotated[
        str | None,
        typer.Option(
            "--passes",
            metavar="N-M",
            rich_help_panel=_RECORD,
            help="Record in full: 1-3 (explain, render: small graphs 1-50), 100, all, last.",
        ),
    ] = None
    level: Annotated[
        str,
        typer.Option(
            "--level",
            metavar="LEVEL",
            parser=choice(*_LEVELS),
            autocompletion=completed(_LEVELS),
            show_default=False,
            rich_help_panel=_RECORD,
            help="Measure: structure, default, full.",
        ),
    ] = Level.DEFAULT.value
    roots: Annotated[
        list[str] | None,
        typer.Option("--root", metavar="NAME", rich_help_panel=_RECORD, help="Draw this if backward never runs."),
    ] = None
    rank: Annotated[
        int | None,
        typer.Option(
            "--rank", metavar="N", parser=number(0), min=0, rich_help_panel=RUN, help="Of several ranks, show this one."
        ),
    ] = None
    grad_output: Annotated[
        str | None,
        typer.Option(
            "--grad-output", metavar="EXPR", rich_help_panel=_EXPRESSION, help="Start with this gradient, not 1."
        ),
    ] = None
    repeat: Annotated[
        int | None,
        typer.Option(
            "--repeat",
            metavar="N",
            parser=number(1),
            min=1,
            rich_help_panel=_EXPRESSION,
            help="N passes, zeroed in between.",
        ),
    ] = None
    no_zero: Annotated[bool, typer.Option("--no-zero", rich_help_panel=_EXPRESSION, help="Never call zero_grad().")] = (
        False
    )
    quiet: QuietOption = False
    verbose: VerboseOption = False
    color: ColorOption = "auto"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: the target, how to run it, and how to talk about it.

    Attributes:
        command: the words that call the command: `gradtrace explain`.
        has_passes: it was said which passes are recorded in full.
        rank: of the ranks of a distributed program, the one to show; None: as the command does by itself.
    """

    target: Target
    settings: Settings
    quiet: bool
    verbose: bool
    color: str
    command: str = "gradtrace explain"
    has_passes: bool = False
    rank: int | None = None

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

    def showing(self, pass_index: int | None) -> "Request":
        """The same, with a pass recorded in full because it will be shown; a recording has what it has."""
        if self.target.kind is TargetKind.RECORDING:
            return self
        return replace(self, settings=replace(self.settings, shown_pass=pass_index))

    def with_facts(self, needs: Needs) -> "Request":
        """The same, with the recorder watching for what a diagnosis needs; a recording has what it has."""
        if self.target.kind is TargetKind.RECORDING:
            return self
        return replace(self, settings=replace(self.settings, facts=True, needs=needs))


def takes_target(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the options of `TargetOptions`; it is called with a `Request` in their place.

    The words that are no options are the target's; a command with a parameter `name` takes the last of them for it.
    """
    takes_name = "name" in inspect.signature(command).parameters

    @wraps(command)
    def with_request(context: typer.Context, **values: Any) -> int:
        options = TargetOptions(**{name: values.pop(name) for name in _SHARED})
        words = list(context.args)
        if takes_name:
            values["name"] = _last_word(context, words, options)
        return command(_request(context, words, options), **values)

    taken = inspect.signature(command, eval_str=True).parameters.values()
    own = [item.replace(kind=item.KEYWORD_ONLY) for item in taken if item.name not in ("request", "name")]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    signature = inspect.Signature([context, *own, *_SHARED.values()], return_annotation=int)
    with_request.__signature__ = signature  # type: ignore[attr-defined]  # what Typer reads
    with_request.__annotations__ = {item.name: item.annotation for item in signature.parameters.values()}
    return with_request


def _parameters() -> dict[str, inspect.Parameter]:
    """The fields of `TargetOptions` as parameters of a function."""
    hints = get_type_hints(TargetOptions, include_extras=True)
    return {
        field.name: inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=hints[field.name],
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
        )
        for field in fields(TargetOptions)
    }


_SHARED = _parameters()


def _last_word(context: typer.Context, words: list[str], options: TargetOptions) -> str:
    """Takes the NAME behind the target away from the words."""
    if not words:
        context.fail("Missing argument 'NAME'.")
    name = words.pop()
    if not (words or options.module or options.code):  # the only word is the target
        raise UsageError(f"of which tensor? say: {context.command_path} {name} NAME")
    return name


def _request(context: typer.Context, words: list[str], options: TargetOptions) -> Request:
    argv: list[str] | None = context.obj
    target = parse_target(
        words, module=options.module, code=options.code, program_argv=argv, grad_output=options.grad_output
    )
    passes = options.passes
    if options.repeat is not None or options.no_zero:
        target = _repeated(target, options.repeat, zero=not options.no_zero)
        if options.repeat is not None and passes is None:
            passes = f"1-{min(options.repeat, _MOST_REPEATED)}"
    endless = target.kind is not TargetKind.EXPRESSION  # these end after their passes
    level = Level(options.level)
    if not endless and level == Level.DEFAULT:
        level = Level.FULL  # an expression is small, and its story tells which elements got exactly 0
    small = endless and target.kind is not TargetKind.RECORDING and options.passes is None
    asked = Settings(
        passes=parse_passes(passes or _FIRST_PASSES),
        device=options.device,
        seed=options.seed,
        dtype=options.dtype,
        stop_after=options.stop_after,
        roots=tuple(options.roots or ()),
        level=level,
        python=options.python,
        timeout=options.timeout,
        announce=not options.quiet and endless,
        small_passes=_SMALL_PASSES if small else 0,
    )
    if target.kind is TargetKind.RECORDING:
        _refuse_settings(target, asked)
    return Request(
        target,
        asked,
        quiet=options.quiet,
        verbose=options.verbose,
        color=options.color,
        command=context.command_path,
        has_passes=options.passes is not None,
        rank=options.rank,
    )


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

"""The options that every command with a TARGET takes, and what they add up to."""

import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

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
from gradtrace.cli.output import absolute
from gradtrace.errors import TargetError, UsageError
from gradtrace.launch import Settings, Target, TargetKind, parse_passes, parse_target
from gradtrace.model.kinds import Level
from gradtrace.model.needs import Needs
from gradtrace.project import find_settings
from gradtrace.suggest import did_you_mean

if TYPE_CHECKING:
    from gradtrace.project.settings import ProjectSettings

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
        project: what the project has settled, of which the command line may have said something else.
        rank: of the ranks of a distributed program, the one to show; None: as the command does by itself.
    """

    target: Target
    settings: Settings
    quiet: bool
    verbose: bool
    color: str
    command: str = "gradtrace explain"
    has_passes: bool = False
    project: "ProjectSettings | None" = None
    rank: int | None = None

    def say(self, text: str) -> None:
        """Writes one of our own lines to stderr, unless silenced."""
        if not self.quiet:
            say(text)

    def format_name(self, given: str | None, output: str | None, known: Sequence[str]) -> str | None:
        """The format that was asked for: on the command line, by the name of a file, or by the project.

        Args:
            given: the value of `--format`.
            output: that of `--output`.
            known: the formats of the command; what the project says of others is for other commands.
        """
        if given is not None or output not in (None, "-") or self.project is None:
            return given
        settled = self.project.format
        return settled if settled is not None and settled in known else None

    def refused(self, why: str) -> TargetError:
        """That the run did not begin, and who asked for what it could not have."""
        device = self.settings.device
        if self.project is not None and device is not None and device == self.project.device and repr(device) in why:
            why = f"{self.project.file}: device in [tool.gradtrace]: {why}"
        return TargetError(why)

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
    project = project_of(target)
    if target.kind is not TargetKind.RECORDING:
        options = replace(options, **settled_options(project, context))
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
        project=project,
        rank=options.rank,
    )


def project_of(target: Target) -> "ProjectSettings | None":
    """What the project of a target has settled: looked for beside it and above, or from the current directory on.

    Raises:
        UsageError: the settings mean nothing.
    """
    here = absolute(".")
    if target.is_path:
        path = absolute(str(target.path))
        here = path if path.is_dir() else path.parent
    project = find_settings(here)
    if project is not None:
        _check_format(project)
    return project


def _check_format(project: "ProjectSettings") -> None:
    if project.format is None:
        return
    from gradtrace.renderers import registry

    known = (*dict.fromkeys((*registry.PICTURES, *registry.STORIES, *registry.DIAGNOSES)), "csv")
    if project.format not in known:
        meant = did_you_mean(project.format, known, most=1) or f"the formats are {', '.join(known)}"
        raise project.blamed("format", UsageError(f"no command has a format {project.format!r}; {meant}"))


def settled_options(project: "ProjectSettings | None", context: typer.Context) -> dict[str, Any]:
    """What a project says of how programs are run where the command line says nothing, by names of parameters.

    Raises:
        UsageError: it names passes that mean nothing.
    """
    if project is None:
        return {}
    found = {name: getattr(project, name) for name in ("device", "seed", "dtype", "stop_after", "timeout", "level")}
    if project.passes is not None:
        found["passes"] = str(project.passes)
        try:
            parse_passes(found["passes"])
        except UsageError as error:
            said = str(error).removeprefix(f"--passes {found['passes']}: ")
            raise project.blamed(f'passes = "{found["passes"]}"', UsageError(said)) from None
    found["roots"] = project.root or None
    return {name: value for name, value in found.items() if value is not None and not _is_given(context, name)}


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


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

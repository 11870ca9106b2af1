"""How a command is declared, and what Typer's own classes do not do: options in groups without rich, quick parsing."""

from collections.abc import Callable
from itertools import takewhile
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What Typer raises for any mistake on the command line; it has no public name of its own, its heir has."""

_OPTIONS = "Options"
_COLUMN = 30
"""Columns of the longest option that is aligned with the others."""


class ReadsWhatIsGiven:
    """Goes before a class of Typer's: reads only the options that were given, and lists all of them in groups.

    Typer makes a validator for each option that it is asked about, given or not, with a package that takes longer to
    import than all of this room.
    """

    _args: list[str] | None = None

    def get_params(self, ctx: Any) -> list[Any]:
        """All options; while a command line is parsed, those that can stand in it."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # of Typer's class
        return params if self._args is None else [param for param in params if _may_stand_in(self._args, param)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses as Typer does; what is wrong is said after a second look, at all that is declared."""
        if not ctx.resilient_parsing:  # when a shell asks what may come next, all may
            self._args = args if ctx.allow_interspersed_args else list(takewhile(_is_option, args))
        try:
            rest: list[str] = super().parse_args(ctx, list(args))  # type: ignore[misc]  # it takes them off
        except UsageError:
            self._args = None
            rest = super().parse_args(ctx, list(args))  # type: ignore[misc]
        finally:
            self._args = None
        return rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes a list for each group, all with the same columns."""
        self._args = None
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            row = param.get_help_record(ctx)
            if row is not None:
                groups.setdefault(getattr(param, "rich_help_panel", None) or _OPTIONS, []).append(row)
        width = max((len(name) for rows in groups.values() for name, _ in rows if len(name) <= _COLUMN), default=0)
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


class Command(ReadsWhatIsGiven, TyperCommand):
    """A command whose function is annotated for Typer."""


def _is_option(word: str) -> bool:
    return word.startswith("-")


def _may_stand_in(args: list[str], param: Any) -> bool:
    """Whether an option was perhaps given; an argument always was."""
    if param.param_type_name != "option":
        return True
    return any(_may_be(word, name) for name in (*param.opts, *param.secondary_opts) for word in args)


def _may_be(word: str, name: str) -> bool:
    if name.startswith("--"):
        return word.partition("=")[0] == name
    return word.startswith("-") and not word.startswith("--") and name[1:] in word


def declared(name: str, function: Callable[..., int], metavar: str | None = None) -> TyperCommand:
    """The command that calls a function whose parameters are annotated for Typer.

    Args:
        name: what it is called.
        function: what it does; its docstring is the help.
        metavar: what stands in the usage line for the words that are no options; None for a command that declares
            them, or takes none. The function finds the words in `typer.Context.args`.
    """
    application = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    application.command(
        name,
        cls=Command,
        options_metavar=f"[OPTIONS]{f' {metavar}' if metavar else ''}",
        context_settings={"allow_extra_args": metavar is not None},
    )(function)
    command: TyperCommand = get_command(application)  # type: ignore[assignment]  # one function makes no group
    return command

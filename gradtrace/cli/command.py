"""How a command is declared, and what Typer's own classes do not do: options in groups without rich, quick parsing."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""What Typer raises for any mistake on the command line; it has no public name of its own, its heir has."""

_OPTIONS = "Options"
_COLUMN = 30
"""Columns of the longest option that is aligned with the others."""


class ReadsQuickly:
    """Goes before a class of Typer's: reads the values of options itself, and lists the options in groups.

    Typer makes a validator for each option, with a package that takes longer to import than all of this room.
    """

    declared_parameters: Mapping[str, inspect.Parameter] = {}

    def get_params(self, ctx: Any) -> list[Any]:
        """All options, each of which reads what was given with the parser that was declared for it."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # of Typer's class
        for param in params:
            if not isinstance(param.process_value, _Reader):
                declared = self.declared_parameters.get(param.name)
                param.process_value = _Reader(param, param.process_value, declared)
        return params

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes a list for each group, all with the same columns."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            row = param.get_help_record(ctx)
            if row is not None:
                groups.setdefault(getattr(param, "rich_help_panel", None) or _OPTIONS, []).append(row)
        width = max((len(name) for rows in groups.values() for name, _ in rows if len(name) <= _COLUMN), default=0)
        for title, rows in groups.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


class Command(ReadsQuickly, TyperCommand):
    """A command whose function is annotated for Typer."""


class _Reader:
    """Reads the value of one option as Typer's `process_value` does."""

    def __init__(self, param: Any, otherwise: Callable[[Any, Any], Any], declared: inspect.Parameter | None) -> None:
        self._param = param
        self._otherwise = otherwise
        self._is_declared = declared is not None
        options = getattr(declared.annotation, "__metadata__", ()) if declared is not None else ()
        self._parser: Callable[[str], Any] = next((one.parser for one in options if one.parser is not None), str)

    def __call__(self, ctx: Any, value: Any) -> Any:
        is_text = value is not None and not isinstance(value, bool)
        if self._param.required or (is_text and not self._is_declared):
            return self._otherwise(ctx, value)
        if isinstance(value, tuple | list):
            value = tuple(map(self._parser, value))
        elif is_text:
            value = self._parser(value)
        elif value is None and self._param.multiple:
            value = ()
        return value if self._param.callback is None else self._param.callback(ctx, self._param, value)


def declared(
    name: str, function: Callable[..., int], metavar: str | None = None, summary: str | None = None
) -> TyperCommand:
    """The command that calls a function whose parameters are annotated for Typer.

    Args:
        name: what it is called.
        function: what it does; its docstring is the help.
        metavar: what stands in the usage line for the words that are no options; None for a command that declares
            them, or takes none. The function finds the words in `typer.Context.args`.
        summary: what a shell says of it when it offers it; None for the first line of the help.
    """
    application = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    application.command(
        name,
        cls=Command,
        short_help=summary,
        options_metavar=f"[OPTIONS]{f' {metavar}' if metavar else ''}",
        context_settings={"allow_extra_args": metavar is not None},
    )(function)
    command: Command = get_command(application)  # type: ignore[assignment]  # one function makes no group
    command.declared_parameters = inspect.signature(function, eval_str=True).parameters
    return command

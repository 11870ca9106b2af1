"""The `gradtrace` command: finds the subcommand, and turns every ending into one status and at most one message."""

import errno
import importlib
import os
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from gradtrace.cli.command import ReadsQuickly, UsageError, declared
from gradtrace.cli.messages import say_error
from gradtrace.errors import GradtraceError
from gradtrace.suggest import did_you_mean
from gradtrace.version import __version__


@dataclass(frozen=True, slots=True)
class Entry:
    """A command's row of the table: all that `gradtrace --help` and completion need to know of it.

    Attributes:
        summary: its line in the help.
        metavar: what its usage line calls the words that are no options and that it reads itself.
    """

    summary: str
    metavar: str | None = None


_TARGET = "TARGET [NAME=VALUE]... [-- ARGUMENT...]"

COMMANDS = {
    "explain": Entry("Tell the story: what lands in each .grad, and why.", _TARGET),
    "render": Entry("Draw it: tree, DOT, SVG, PNG, PDF, Mermaid, HTML, JSON.", _TARGET),
    "check": Entry("Diagnose: what is wrong with the gradients, where, and the fix.", _TARGET),
    "record": Entry("Run and save a recording for later.", _TARGET),
    "merge": Entry("Put streams or recordings together into one.", "FOLDER|FILE..."),
    "why": Entry(
        "One tensor: how its gradient arises, or where it is cut off.", "TARGET [NAME=VALUE]... NAME [-- ARGUMENT...]"
    ),
    "diff": Entry("Two runs: where they part first, and what differs.", "OLD NEW [-- ARGUMENT...]"),
    "norms": Entry("Every step: the norms of the gradients, loss, learning rate.", _TARGET),
    "memory": Entry("What autograd keeps for backward: by line, module, op, tensor.", _TARGET),
    "formula": Entry("Show the backward formula of an op, or the step of an optimizer."),
    "rule": Entry("The page of a diagnosis rule."),
    "schema": Entry("The JSON Schema of a document."),
    "doctor": Entry("Say what is installed and what this terminal shows."),
}
"""By name, in the order of the help; a command's module is called as it is."""

_NAME = "gradtrace"
_COMPLETION = "_GRADTRACE_COMPLETE"
"""What the script that `--install-completion` puts into a shell sets when it asks."""

_STATUSES = """\
Exit status:
  0      all went well; check: nothing was found
  1      check: something was found
  2      check: could not look; any command: it cannot be carried out
  124    the program ran longer than --timeout
  other  the program's own, signals included; it wins over 0 and 1"""

_TOO_MANY = re.compile(r"got unexpected extra arguments?(?:\(s\))? \((.*)\)$", re.DOTALL)
"""What click says, or Typer."""

USAGE_ERROR = 2
INTERNAL_ERROR = 2

_WRITE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF, errno.EFBIG})
"""What printing fails with when stdout is full, or is not there."""


class _Commands(ReadsQuickly, TyperGroup):
    """A group whose commands are imported when they are called: their names and summaries stand in the table."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  its signature in Typer
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gradtrace.cli.{cmd_name}")
        return declared(cmd_name, module.command, COMMANDS[cmd_name].metavar, COMMANDS[cmd_name].summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            ctx.fail(_meant(args[0]))
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


def _meant(word: str) -> str:
    """What to say of a first word that is no command: a misspelt one, or a target without one."""
    meant = did_you_mean(word, COMMANDS, most=2)
    if meant:
        return f"there is no command {word!r}: {meant}"
    if Path(word).exists() or not word.replace("-", "").isidentifier():  # a file, or an expression
        return f"{word!r} is no command: did you mean gradtrace explain {shlex.quote(word)}?"
    return (
        f"there is no command {word!r}: the commands are {', '.join(COMMANDS)};"
        " a target stands after one, as in: gradtrace explain TARGET"
    )


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gradtrace {__version__}")
        raise typer.Exit


_application = typer.Typer(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="TARGET is a script, a notebook (.ipynb), a directory with __main__.py, a .gtrace recording, -m MODULE,"
    " -c CODE, or an expression: gradtrace explain 'w*w*y' w=0.5 y=2.0\n\n"
    "More about one command: gradtrace help COMMAND\n\n\b\n" + _STATUSES,
)


@_application.callback(invoke_without_command=True)
def gradtrace(
    context: typer.Context,
    *,
    version: Annotated[  # noqa: ARG001  its callback has said it
        bool, typer.Option("-V", "--version", is_eager=True, callback=_say_version, help="Show the version and exit.")
    ] = False,
) -> int:
    """Show where every gradient of a PyTorch program comes from."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
    return USAGE_ERROR  # replaced by the command's own status


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit status; ends by the signal that ended the program, if one did.

    Args:
        arguments: the words after the command's name; None for this process's own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Everything after the first -- belongs to the program, and Typer must not see it.
    split = words.index("--") if "--" in words else None
    own, program = (words, None) if split is None else (words[:split], words[split + 1 :])
    status = _run(_asked_for_help(own), program)
    _flush()
    if status < 0:
        _die_by(-status)
    return status


def _asked_for_help(words: list[str]) -> list[str]:
    """`help` and `help COMMAND` as the options that mean the same."""
    if words[:1] != ["help"]:
        return words
    return [*(word for word in words[1:2] if word != "help"), "--help"]


def _run(own: list[str], program: list[str] | None) -> int:
    group = get_command(_application)
    try:
        if os.environ.get(_COMPLETION):  # a shell asks what may come next
            group.main(prog_name=_NAME)
        with group.make_context(_NAME, list(own), obj=program) as context:
            outcome: Any = group.invoke(context)
    except typer.Exit as ending:  # --help and --version have been printed
        return ending.exit_code if sys.stdout is not None else _no_output("it is closed")
    except UsageError as error:
        return _usage(error, own)
    except GradtraceError as error:
        say_error(str(error))
        return error.exit_status
    except KeyboardInterrupt:
        return -signal.SIGINT
    except BrokenPipeError:  # the reader has gone (`| head`): end as any other program does
        return -signal.SIGPIPE
    except OSError as error:
        if error.filename is not None or error.errno not in _WRITE_ERRORS:
            return _internal(error)
        return _no_output(os.strerror(error.errno))
    except Exception as error:  # noqa: BLE001
        return _internal(error)
    return outcome if isinstance(outcome, int) else 0


def _internal(error: Exception) -> int:
    """A fault of ours."""
    if os.environ.get("GRADTRACE_DEBUG"):
        raise error
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    say_error(
        f"{type(error).__name__}: {error} (please report; run with GRADTRACE_DEBUG=1 for the traceback){notes}",
        kind="internal error",
    )
    return INTERNAL_ERROR


def _no_output(why: str) -> int:
    """What was to be printed could not be."""
    say_error(f"cannot write to stdout: {why}")
    return USAGE_ERROR


def _usage(error: Any, own: list[str]) -> int:
    is_unknown = hasattr(error, "possibilities")
    message = _unknown_option(error, own) if is_unknown else _lower(error.format_message())
    context = getattr(error, "ctx", None)
    too_many = _TOO_MANY.match(message)
    if too_many is not None and context is not None:
        message = f"{context.info_name} takes no more words: {too_many[1]}"
    hint = f"\ntry: {context.command_path} --help" if context else ""
    say_error(message.rstrip(".") + hint)
    return USAGE_ERROR


def _unknown_option(error: Any, own: list[str]) -> str:
    for word in own:
        if word.startswith(error.option_name) and any(sign in word[1:] for sign in "*/+(["):
            return (
                f"{word} begins like an option: write an expression that begins with - in parentheses, as in '({word})'"
            )
    context = getattr(error, "ctx", None)
    if context is not None and context.parent is None and error.option_name in _options_of_targets(context):
        command = next((word for word in own if word in COMMANDS), "explain")
        rest = shlex.join(word for word in own if word != command)
        return f"{error.option_name} stands after the command, as in: gradtrace {command} {rest}"
    meant = did_you_mean(error.option_name, error.possibilities or (), alike=0.75)
    meant = f" ({meant})" if meant else ""
    entry = COMMANDS.get(context.info_name or "") if context is not None else None
    runs = entry is not None and "-- ARGUMENT" in (entry.metavar or "")
    hint = "; put the program's own options after --" if runs else ""
    return f"there is no option {error.option_name}{meant}{hint}"


def _options_of_targets(context: Any) -> set[str]:
    command = context.command.get_command(context, "explain")
    return {name for option in command.params for name in option.opts}


def _lower(message: str) -> str:
    """Typer begins sentences with a capital; after `gradtrace: error:` they go on."""
    return message[:1].lower() + message[1:]


def _flush() -> None:
    """Flushes now, so that a reader who has gone (`| head`) is no error when Python shuts down."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _die_by(number: int) -> None:
    """Ends this process by the same signal as the program, so that whoever waits sees the same."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program has left its own core
    signal.signal(number, signal.SIG_DFL) if number not in (signal.SIGKILL, signal.SIGSTOP) else None
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)

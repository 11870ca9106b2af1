"""The `gradtrace` command: finds the subcommand, and turns every ending into one status and at most one message."""

import difflib
import errno
import importlib
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from gradtrace.cli.messages import say_error
from gradtrace.errors import GradtraceError
from gradtrace.version import __version__

COMMANDS = {
    "explain": "gradtrace.cli.explain",
    "render": "gradtrace.cli.render",
    "check": "gradtrace.cli.check",
    "record": "gradtrace.cli.record",
    "merge": "gradtrace.cli.merge",
    "why": "gradtrace.cli.why",
    "formula": "gradtrace.cli.formula",
    "rule": "gradtrace.cli.rule",
    "doctor": "gradtrace.cli.doctor",
}
"""Name to module, in the order of the help."""

_STATUSES = """\
Exit status:
  0      all went well; check: nothing was found
  1      check: something was found
  2      check: could not look; any command: it cannot be carried out
  124    the program ran longer than --timeout
  other  the program's own, signals included; it wins over 0 and 1"""

USAGE_ERROR = 2
INTERNAL_ERROR = 2

_WRITE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF, errno.EFBIG})
"""What printing fails with when stdout is full, or is not there."""


class _Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS:
            raise click.UsageError(_meant(args[0]), ctx)
        return super().resolve_command(ctx, args)


def _meant(word: str) -> str:
    """What to say of a first word that is no command: a misspelt one, or a target without one."""
    close = difflib.get_close_matches(word, COMMANDS, n=2, cutoff=0.6)
    if close:
        return f"there is no command {word!r}: did you mean {' or '.join(close)}?"
    if Path(word).exists() or not word.replace("-", "").isidentifier():  # a file, or an expression
        return f"{word!r} is no command: did you mean gradtrace explain {shlex.quote(word)}?"
    return (
        f"there is no command {word!r}: the commands are {', '.join(COMMANDS)};"
        " a target stands after one, as in: gradtrace explain TARGET"
    )


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="TARGET is a script, a notebook (.ipynb), a directory with __main__.py, a .gtrace recording, -m MODULE,"
    " -c CODE, or an expression: gradtrace explain 'w*w*y' w=0.5 y=2.0\n\n\b\n" + _STATUSES,
)
@click.version_option(__version__, "-V", "--version", prog_name="gradtrace", message="%(prog)s %(version)s")
@click.pass_context
def gradtrace(context: click.Context) -> int:
    """Show where every gradient of a PyTorch program comes from."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return USAGE_ERROR  # replaced by the command's own status


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit status; ends by the signal that ended the program, if one did.

    Args:
        arguments: the words after the command's name; None for this process's own.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Everything after the first -- belongs to the program, and click must not see it.
    split = words.index("--") if "--" in words else None
    own, program = (words, None) if split is None else (words[:split], words[split + 1 :])
    status = _run(own, program)
    _flush()
    if status < 0:
        _die_by(-status)
    return status


def _run(own: list[str], program: list[str] | None) -> int:
    try:
        with gradtrace.make_context("gradtrace", own, obj=program) as context:
            outcome: Any = gradtrace.invoke(context)
    except click.exceptions.Exit as ending:  # --help and --version have been printed
        return ending.exit_code if sys.stdout is not None else _no_output("it is closed")
    except click.exceptions.NoSuchOption as error:
        return _usage(error, _unknown_option(error, own))
    except click.ClickException as error:
        return _usage(error, _lower(error.format_message()))
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


def _usage(error: click.ClickException, message: str) -> int:
    context = getattr(error, "ctx", None)
    hint = f"\ntry: {context.command_path} --help" if context else ""
    say_error(message.rstrip(".") + hint)
    return USAGE_ERROR


def _unknown_option(error: click.exceptions.NoSuchOption, own: list[str]) -> str:
    for word in own:
        if word.startswith(error.option_name) and any(sign in word[1:] for sign in "*/+(["):
            return (
                f"{word} begins like an option: write an expression that begins with - in parentheses, as in '({word})'"
            )
    close = difflib.get_close_matches(error.option_name, error.possibilities or (), cutoff=0.75)
    meant = f" (did you mean {' or '.join(close)}?)" if close else ""
    return f"there is no option {error.option_name}{meant}; put the program's own options after --"


def _lower(message: str) -> str:
    """Click begins sentences with a capital; after `gradtrace: error:` they go on."""
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

"""One look at what was recorded in a kernel: what was asked for, and how a notebook shows it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradtrace.errors import GradtraceError, NothingSeenError, UsageError
from gradtrace.suggest import did_you_mean

if TYPE_CHECKING:
    from gradtrace.integrations.kernel_recording import KernelRecording

_OF_RECORDINGS = ("explain", "render", "page", "check", "why", "norms", "memory", "save")
_OF_REFERENCE = ("rule", "formula", "schema", "doctor")
_OF_RECORDER = ("on", "off", "help")
_COMMANDS = (*_OF_RECORDINGS, *_OF_REFERENCE, *_OF_RECORDER)
_AFTER_CELL = "--after-cell"
_WIDTH = 80
_MEDIA = {"svg": "image/svg+xml", "png": "image/png", "html": "text/html"}
_IN_FILES = ("pdf",)
_ERROR, _NOTICE = "gradtrace: error: ", "gradtrace: "
_OF_PROGRAMS = re.compile("[;:] put the program's own options after --")
_NEXT = re.compile(r"(To read more about one: |\(|`)gradtrace (rule|why|check)(?: TARGET)?(?= )")
"""How a text says what else can be asked."""
_FOR_PEOPLE = (None, "full", "text", "markdown")
_WRONG = 2
_CELL = re.compile(r"^In ?\[(\d+)\](?=:\d+$)")
"""A cell, as IPython writes it in tracebacks and in front of cells."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was asked for: a command, and the words that follow it."""

    command: str
    words: tuple[str, ...] = ()
    is_after_cell: bool = False


def parse(words: Sequence[str]) -> Look:
    """What the words behind `%gradtrace` mean; without a command it is `explain`.

    Raises:
        UsageError: there is no such command, or words do not belong to it.
    """
    is_after_cell = list(words[:1]) == [_AFTER_CELL]
    rest = tuple(words[1:] if is_after_cell else words)
    if not rest or rest[0].startswith("-"):
        is_help = rest[:1] in (("-h",), ("--help",))
        return Look("help" if is_help else "explain", () if is_help else rest, is_after_cell)
    command, others = rest[0], rest[1:]
    if command not in _COMMANDS:
        meant = did_you_mean(command, _COMMANDS, most=2)
        hint = meant or f"it is one of {', '.join(_COMMANDS)}; for one tensor say %gradtrace why {command}"
        raise UsageError(f"there is no %gradtrace {command}: {hint}")
    if is_after_cell and command not in _OF_RECORDINGS:
        raise UsageError(f"%%gradtrace {command} shows nothing of a cell: say %gradtrace {command}")
    if command in _OF_RECORDER and others:
        raise UsageError(f"%gradtrace {command} takes no more words, and there is {others[0]!r}")
    if command == "save" and (len(others) != 1 or others[0].startswith("-")):
        raise UsageError("name the file: %gradtrace save run.gtrace")
    if command == "why" and not any(not one.startswith("-") for one in others):
        raise UsageError("of which tensor? say: %gradtrace why NAME")
    return Look(command, tuple(_CELL.sub(r"In [\1]", one) for one in others), is_after_cell)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is shown: what a command printed, and what else the notebook displays, by media type."""

    stdout: str
    stderr: str
    content: dict[str, Any] | None = None


def show(look: Look, recording: KernelRecording) -> None:
    """Show what was asked for.

    Raises:
        GradtraceError: it cannot be shown.
    """
    if look.command in _OF_REFERENCE or {"-h", "--help"} & set(look.words):
        command = {"page": "render", "save": "merge"}.get(look.command, look.command)
        _tell(_run([command, *look.words]))
        return
    try:
        window = recording.window()
    except NothingSeenError as error:
        _say(str(error))
        return
    notices = recording.take_notices()
    answer = _answered(look, str(window))
    for notice in notices:
        _say(notice)
    _tell(answer)


def _answered(look: Look, window: str) -> _Answer:
    match look.command:
        case "page":
            return _page(look.words, window)
        case "render":
            return _picture(list(look.words), window)
        case "save":
            path = Path(look.words[0]).expanduser()
            named = path if path.suffix == ".gtrace" else path.with_name(f"{path.name}.gtrace")
            _run(["merge", window, "-o", str(named)])
            return _Answer("", f"{_NOTICE}saved: gradtrace explain {shlex.quote(str(named))} tells the story\n")
        case "explain":
            return _run(["explain", window, *look.words, "--no-pager"])
        case command:
            return _run([command, window, *look.words])


def _picture(words: list[str], window: str) -> _Answer:
    """A picture in the notebook; as text, or into a file, where that is asked for or nothing else can be shown."""
    asked = _value_of(words, "-f", "--format")
    if _value_of(words, "-o", "--output") is not None or "--open" in words:
        return _run(["render", window, *words])
    if asked is None and not _shows_pictures():
        return _run(["render", window, *words, "-f", "tree", "--no-pager"])
    if asked in _IN_FILES:
        raise UsageError(f"a {asked} goes into a file: say %gradtrace render -o net.{asked}")
    if asked is not None and asked not in _MEDIA:
        return _run(["render", window, *words, "--no-pager"])
    words = _without(words, "-f", "--format")
    if asked == "html":
        return _page(words, window)
    kind = asked or "svg"
    answer, picture = _drawn(["render", window, *words], kind)
    content: Any = picture if kind == "png" else picture.decode("utf-8")
    alone = f"gradtrace: a picture ({kind}); %gradtrace render -f tree shows it as text"
    return replace(answer, content={_MEDIA[kind]: content, "text/plain": alone})


def _page(words: Sequence[str], window: str) -> _Answer:
    from gradtrace.renderers.page.frame import HEIGHT, framed

    height = _value_of(words, "--height") or str(HEIGHT)
    if not (height.isascii() and height.isdigit() and int(height)):
        raise UsageError(f"--height {height}: say how many pixels, as in --height 800")
    if not _shows_pictures():
        raise UsageError("a terminal shows no page: say %gradtrace render --open, or %gradtrace render -o page.html")
    answer, page = _drawn(["render", window, *_without(words, "--height")], "html")
    alone = "gradtrace: a page to look around in; %gradtrace render -o page.html keeps it"
    content = {"text/html": framed(page.decode("utf-8"), int(height)), "text/plain": alone}
    return replace(answer, content=content)


def _drawn(words: Sequence[str], kind: str) -> tuple[_Answer, bytes]:
    """What `render` writes into a file."""
    with tempfile.TemporaryDirectory(prefix="gradtrace-") as folder:
        file = Path(folder) / f"drawn.{kind}"
        answer = _run([*words, "-o", str(file), "-f", kind])
        if not file.exists():
            raise GradtraceError(_reason(answer.stderr))
        return answer, file.read_bytes()


def _value_of(words: Sequence[str], *names: str) -> str | None:
    """The value of an option among words."""
    value = None
    for at, word in enumerate(words):
        name, equals, rest = word.partition("=")
        if name in names:
            value = rest if equals else words[at + 1] if at + 1 < len(words) else ""
    return value


def _without(words: Sequence[str], *names: str) -> list[str]:
    """The words without an option and its value."""
    kept: list[str] = []
    is_value = False
    for word in words:
        name, equals, _ = word.partition("=")
        if is_value:
            is_value = False
        elif name in names:
            is_value = not equals
        else:
            kept.append(word)
    return kept


# The command, in a process of its own.


def _run(words: Sequence[str]) -> _Answer:
    """Run a command of ours.

    Raises:
        GradtraceError: it could not be carried out, in its own words.
    """
    command = [sys.executable, "-P", "-m", "gradtrace", *words]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False
        )
    except OSError as error:
        raise GradtraceError(f"cannot start {sys.executable}: {error.strerror or error}") from error
    if done.returncode == _WRONG and not done.stdout:
        raise UsageError(_nameless(_reason(done.stderr), words))
    is_for_people = _value_of(words, "-f", "--format") in _FOR_PEOPLE
    return _Answer(_with_magics(done.stdout) if is_for_people else done.stdout, _nameless(done.stderr, words))


def _with_magics(text: str) -> str:
    """A text that names what can be asked next, as it is asked here."""
    return _NEXT.sub(r"\1%gradtrace \2", text)


def _nameless(text: str, words: Sequence[str]) -> str:
    """A text without the name of the temporary folder that holds what was recorded."""
    is_look = words[0] not in _OF_REFERENCE and len(words) > 1 and Path(words[1]).is_absolute()
    return text.replace(words[1], "the recording") if is_look else text


def _environment() -> dict[str, str]:
    environment = {**os.environ, "COLUMNS": str(_WIDTH), "PYTHONIOENCODING": "utf-8"}
    environment.pop("GRADTRACE_SESSION", None)
    if not environment.get("NO_COLOR") and _shows_colors():
        environment["FORCE_COLOR"] = "1"
    home = str(Path(__file__).parents[2])
    if home not in sysconfig.get_paths().values():
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (home, environment.get("PYTHONPATH"))))
    return environment


def _reason(said: str) -> str:
    """Why the command could not be carried out, without the words that belong to a command line."""
    lines = [line for line in said.strip().splitlines() if not line.startswith("try: ")]
    text = _OF_PROGRAMS.sub("", "\n".join(lines))
    return text.removeprefix(_ERROR) if text else "gradtrace could not be run, and did not say why"


def _tell(answer: _Answer) -> None:
    for stream, text in ((sys.stderr, answer.stderr), (sys.stdout, answer.stdout)):
        stream.write(text)
        stream.flush()
    if answer.content is not None:
        from IPython.display import display

        display(answer.content, raw=True)  # type: ignore[no-untyped-call]


def _say(text: str) -> None:
    print(f"{_NOTICE}{text}", file=sys.stderr, flush=True)  # noqa: T201 - a magic prints


# What the frontend can show.


def _shell() -> Any:
    from IPython.core.getipython import get_ipython

    return get_ipython()


def _shows_pictures() -> bool:
    """Whether it is a notebook, and no terminal."""
    return hasattr(_shell(), "kernel")


def _shows_colors() -> bool:
    return str(getattr(_shell(), "colors", "")).lower() != "nocolor"

"""What every command does with a target: run it or open its recording, and lose nothing whatever happens."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gradtrace.cli.request import Request
from gradtrace.errors import GradtraceError, NothingSeenError, RecordingError, RenderError, UnknownNameError
from gradtrace.launch import TIMED_OUT, Session, TargetKind, choose, run

if TYPE_CHECKING:
    from gradtrace.analysis.coverage import Gap
    from gradtrace.model import Trace
    from gradtrace.recording import BlindRecord, Redaction


@dataclass(frozen=True, slots=True)
class Traced:
    """A recording, and the command's status if nothing else fails: the program's own; 0 when nothing was run.

    Attributes:
        advise: says what may help against a module that the program could not import.
    """

    recording: Path
    status: int
    advise: Callable[[str], None] | None = None

    def load(self, rank: int | None = None, *, whole: bool = True) -> Trace:
        """Reads the recording, or what one rank of a distributed program did.

        Args:
            rank: only this rank.
            whole: without a rank: all of them, not the first alone.

        Raises:
            RecordingError: if it is damaged, or no recording.
            UsageError: if it has no such rank.
        """
        from gradtrace.analysis.ranks import chosen, one_of
        from gradtrace.analysis.reductions import with_reductions
        from gradtrace.recording import load

        gc.disable()
        try:
            trace = load(self.recording)
            number = None if whole and rank is None else chosen(trace, rank)
            shown = with_reductions(trace) if number is None else one_of(trace, load(self.recording, number), number)
        finally:
            gc.freeze()  # it stays until the end: to look through it again and again takes longer than to read it
            gc.enable()
        if self.advise is not None and self.status and trace.run.error is not None:
            from gradtrace.cli.missing import missing_in

            module = missing_in(trace)
            if module is not None:
                self.advise(module)
        return shown


def record(
    request: Request,
    session: Session,
    recording: Path,
    meanwhile: Callable[[], None] | None = None,
    redaction: Redaction | None = None,
) -> Traced:
    """Runs the target and writes its recording; what `redaction` names is left out of it.

    While the program starts, what reads its streams is loaded here, and `meanwhile` is done.

    Raises:
        TargetError: if the run could not begin, in the child's words.
    """
    request, python = _with_interpreter(request)
    if request.verbose:
        request.say(f"running {request.target.text} with {python}")
        if request.project is not None:
            request.say(f"{request.project.file} has settings for it, in [tool.gradtrace]")
    ending = run(request.target, request.settings, session, request.say, lambda: _prepare(meanwhile))
    if request.verbose:
        request.say(f"it ended with status {ending.status}; now its streams are put together")
    advise = partial(_advise, request, python)
    missing = None
    if ending.status:
        from gradtrace.cli.missing import hint, missing_before_torch

        missing = missing_before_torch(request, python, session)
    if session.refusal is not None:
        advice = hint(request, python, missing) if missing is not None else None
        raise request.refused(f"{session.refusal}\n{advice}" if advice else session.refusal)
    if missing is not None:
        advise(missing)
    if session.is_lost:
        lost = RecordingError(f"the recording is lost: the program removed {session.directory}, where it was kept")
        lost.exit_status = ending.status or lost.exit_status
        raise lost
    from gradtrace.recording import merge

    try:
        blind = _blind(request, session)
        merge(session.directory, status=ending.status, target=recording, redaction=redaction, blind=blind)
    except OSError as error:
        raise RecordingError(f"cannot write {recording}: {error.strerror}; {_raw(session)}") from error
    except Exception as error:
        error.add_note(_raw(session))
        raise
    return Traced(recording, TIMED_OUT if ending.timed_out else ending.status, advise)


def _with_interpreter(request: Request) -> tuple[Request, str]:
    """The request with the Python that runs the program, and its path."""
    if request.target.kind is TargetKind.COMMAND:
        return request, sys.executable
    chosen = choose(request.settings.python)
    if chosen.note is not None:
        request.say(chosen.note)
    return replace(request, settings=replace(request.settings, python=chosen.path)), chosen.path


def _advise(request: Request, python: str, module: str) -> None:
    from gradtrace.cli.missing import hint

    text = hint(request, python, module)
    if text is not None:
        request.say(text)


def _prepare(meanwhile: Callable[[], None] | None) -> None:
    import gradtrace.recording  # noqa: F401

    if meanwhile is not None:
        meanwhile()


@contextmanager
def traced(request: Request, meanwhile: Callable[[], None] | None = None) -> Iterator[Traced]:
    """Runs the target and yields its recording, which lives only inside the block.

    `meanwhile` is done while the program starts: it loads what will show the recording, so that nobody waits for that.
    When showing it fails, the recording is kept in the user's cache, and the error says where.

    Raises:
        TargetError: if the run could not begin.
    """
    if request.target.kind is TargetKind.RECORDING:
        with _merged(request.target.path) as recording:
            yield Traced(recording, status=0)
        return
    with Session() as session:
        ended = record(request, session, session.directory / "run.gtrace", meanwhile)
        try:
            yield ended
        except (RenderError, RecordingError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            told = RenderError(f"{error}\n{_kept(ended, request)}")
            told.exit_status = ended.status or told.exit_status
            raise told from error
        except UnknownNameError as error:
            if request.target.kind is TargetKind.EXPRESSION:
                raise
            unknown = UnknownNameError(f"{error}\n{_kept(ended, request)}")
            unknown.exit_status = ended.status or unknown.exit_status
            raise unknown from error
        except GradtraceError:
            raise
        except Exception as error:
            error.add_note(_kept(ended, request))
            raise


@contextmanager
def _merged(path: Path) -> Iterator[Path]:
    """The recording itself, or one made of the streams in a folder."""
    if not path.is_dir():
        yield path
        return
    import tempfile

    from gradtrace.recording import merge

    with tempfile.TemporaryDirectory(prefix="gradtrace-") as folder:
        recording = Path(folder) / "run.gtrace"
        try:
            merge(path, target=recording)
        except OSError as error:
            raise RecordingError(f"cannot read the streams in {path}: {error.strerror}") from error
        yield recording


def _raw(session: Session) -> str:
    folder = session.keep()
    return f"what was recorded lies unmerged in {folder}: gradtrace merge {folder} -o FILE puts it together"


def seen(ended: Traced, request: Request, doing: str, *, whole: bool = False) -> Trace | None:
    """The trace of a run of which something was seen; None, said on stderr, where the program failed before.

    Args:
        ended: the run.
        request: what was asked for.
        doing: what the command does, as a verb.
        whole: of a distributed program all ranks, unless one was asked for; else the first.

    Raises:
        NothingSeenError: if nothing was seen, and the program itself did not fail.
        UsageError: if it has no rank that was asked for.
    """
    from gradtrace.analysis.coverage import blindness
    from gradtrace.text.coverage_words import said

    trace = ended.load(request.rank, whole=whole)
    gap = blindness(trace)
    if gap is None:
        return trace
    if ended.status == 0:
        raise NothingSeenError(f"nothing to {doing}: {said(gap)}")
    request.say(f"nothing to {doing}: {said(gap)}")
    return None


def say_gaps(request: Request, gaps: Iterable[Gap]) -> None:
    """A line on stderr for each thing that was not looked at."""
    from gradtrace.text.coverage_words import said

    for gap in gaps:
        request.say(said(gap))


def _blind(request: Request, session: Session) -> list[BlindRecord]:
    """What only the launcher knows was not recorded."""
    from gradtrace.model import Blind
    from gradtrace.recording import BlindRecord

    if session.torch_started:
        return [BlindRecord(Blind.PROCESS_NOT_RECORDED, session.failure)] if session.failure is not None else []
    if session.failure is not None:
        return [BlindRecord(Blind.NOT_INSTALLED, f"the recorder could not start ({session.failure})")]
    if session.stopped is not None:
        return [BlindRecord(Blind.RECORDER_FAILED, session.stopped)]
    if session.import_failure is not None:
        return [BlindRecord(Blind.NO_TORCH, f"the import of torch failed ({session.import_failure})")]
    if session.missed_torch is not None:
        return [BlindRecord(Blind.OTHER_INTERPRETER, session.missed_torch)]
    if session.python_started:
        return [BlindRecord(Blind.NO_TORCH)]
    if request.target.kind is TargetKind.COMMAND:
        why = "the command started no python, or only isolated ones (python -I, -E or -S)"
    else:
        why = "python started without its environment or site module, so that nothing could be watched"
    return [BlindRecord(Blind.NOT_INSTALLED, why)]


def _kept(ended: Traced, request: Request) -> str:
    from gradtrace.cli.kept import keep

    return keep(
        ended.recording, request.target.stem, request.command, " NAME" if request.command.endswith("why") else ""
    )

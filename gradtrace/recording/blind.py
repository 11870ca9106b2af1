"""What a recording says of its own gaps, without reading all of it."""

from pathlib import Path

from gradtrace.errors import RecordingError
from gradtrace.files import open_regular
from gradtrace.model import BlindSpot
from gradtrace.recording.damage import Damage
from gradtrace.recording.frames import lines_of
from gradtrace.recording.lines import LONGEST, decode
from gradtrace.recording.records import BlindRecord

_BEGINNING = b'{"t":"blind"'


def blind_spots(path: Path) -> tuple[BlindSpot, ...]:
    """The gaps that the recorders and the launcher wrote down; places and processes are left out.

    Raises:
        RecordingError: the file cannot be read.
    """
    try:
        with open_regular(path) as file:
            records = [_record(line.text) for line in lines_of(file, LONGEST) if line.text.startswith(_BEGINNING)]
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror or error}") from error
    found = [
        BlindSpot(one.reason, one.text, one.count, one.pass_index) for one in records if isinstance(one, BlindRecord)
    ]
    return tuple(dict.fromkeys(found))


def _record(line: bytes) -> object:
    try:
        return decode(line)
    except Damage:
        return None

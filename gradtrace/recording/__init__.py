"""The `.gtrace` file: what its lines are, how they become the model, how the streams of a run become one file.

Belongs here: the schema (`records`), reading (`load`), merging (`merge`). Imports `model`, `errors`, msgspec and the
standard library; never torch, and nothing is ever unpickled. To add a fact to the format, add a field with a default to
its record and carry it over in the module that builds that part of the model; a change that older readers would
misread needs a new major `FORMAT_VERSION`.
"""

from gradtrace.model.format import FORMAT_NAME, FORMAT_VERSION
from gradtrace.recording.blind import blind_spots
from gradtrace.recording.load import load, look_at
from gradtrace.recording.merge import merge
from gradtrace.recording.records import BlindRecord
from gradtrace.recording.redaction import Redaction
from gradtrace.recording.streams import find_streams, has_streams, ranks_in

__all__ = [
    "FORMAT_NAME",
    "FORMAT_VERSION",
    "BlindRecord",
    "Redaction",
    "blind_spots",
    "find_streams",
    "has_streams",
    "load",
    "look_at",
    "merge",
    "ranks_in",
]

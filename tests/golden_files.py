"""The small programs whose every output is kept byte by byte, and the files that keep it."""

import builders
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

TRACES = {
    "product": builders.product_trace,
    "modules": builders.module_net_trace,
    "accumulate": builders.accumulate_trace,
    "failed": builders.failed_trace,
    "hook": builders.hooked_trace,
    "non_finite": builders.non_finite_trace,
}


def files(suffix: str) -> type[SingleFileSnapshotExtension]:
    """Snapshots as text, each in a file of its own with this suffix."""

    class Files(SingleFileSnapshotExtension):
        _write_mode = WriteMode.TEXT
        file_extension = suffix

    return Files

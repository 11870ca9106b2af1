"""Files: reading one never waits or goes on for ever, and writing one destroys nothing when it fails."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

_DESCRIPTORS = re.compile(r"/dev/fd|/proc/[^/]+(?:/task/[^/]+)?/fd")

PRIVATE = 0o600
"""The mode of a file that only its owner may read."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, unless it is a device, a pipe or a directory.

    Raises:
        OSError: it is one of these, or cannot be opened.
    """
    _expect_regular(path.stat())  # to open a device can be an act already
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _expect_regular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes.

    Raises:
        OSError: it is larger, is a device, a pipe or a directory, or cannot be read.
    """
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes")
    return content


def _expect_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        number = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
        raise OSError(number, f"it is {_KINDS.get(stat.S_IFMT(status.st_mode), 'something else')}, not a file")


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` when the block ends well; otherwise nothing has changed.

    What a symbolic link points to is replaced, and the link stays. A device, a pipe or an open descriptor is written
    directly, and so is a file in a folder where no other can be made.

    Args:
        path: where the content is to be.
        mode: the permissions of a new file, from its first byte on; one that is there keeps its own.

    Raises:
        OSError: it cannot be written.
    """
    place = Path(os.path.realpath(path))
    before = _status(path)
    part = place.with_name(f".gradtrace-{os.urandom(8).hex()}.part")
    is_direct = _is_descriptor(path) or (
        before is not None and (not stat.S_ISREG(before.st_mode) or not os.access(place.parent, os.W_OK))
    )
    if is_direct:
        with path.open("wb") as file:
            yield file
        return
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
            if before is not None:
                with suppress(PermissionError):
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            yield file
        part.replace(place)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _is_descriptor(path: Path) -> bool:
    """Whether it stands for a file that is open here (`/dev/stdout`): to rename over that would not write to it."""
    for _ in range(40):  # the kernel follows no more links either
        if _DESCRIPTORS.fullmatch(os.path.realpath(path.parent)):
            return True
        if not path.is_symlink():
            return False
        path = path.parent / path.readlink()
    return False

"""The process of a `Witness`, run by its path: asked for a signal by its number, it says whether it was sent it.

It imports next to nothing: it is started before the program, and must cost nothing beside it.
"""

import os
import signal

_PATIENCE = 0.05
"""Seconds to wait for the other half of a signal to a group: the kernel goes through the group one by one."""


def _stand() -> None:
    while question := os.read(0, 1):
        info = signal.sigtimedwait([question[0]], _PATIENCE)
        os.write(1, b"n" if info is None else b"y")


if __name__ == "__main__":
    _stand()

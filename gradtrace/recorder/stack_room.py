"""Room on the stack for the end of a deep graph.

From 2.13 on, torch keeps the Python object of every node that was ever looked at, and frees such nodes by recursion: a
chain of 60,000 that has been walked would overflow a stack of 8 MiB when the program drops it, though the same chain,
never looked at, is freed in a loop. The stack of the main thread grows on demand up to the limit of the moment, so it
is enough to raise that limit; a million nodes then end in peace.
"""

from __future__ import annotations

import contextlib

_DEEP = 10_000
_ROOM = 1 << 30


def make_room(n_nodes: int) -> None:
    """Let the stack grow further, when a graph may be deep enough to need it."""
    if n_nodes < _DEEP:
        return
    with contextlib.suppress(ImportError, OSError, ValueError):  # no such limits here, or not ours to raise
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        room = _ROOM if hard == resource.RLIM_INFINITY else min(_ROOM, hard)
        if soft != resource.RLIM_INFINITY and soft < room:
            resource.setrlimit(resource.RLIMIT_STACK, (room, hard))

"""Which rank of a distributed program is told of."""

from gradtrace.model import Trace


def rank_of(trace: Trace) -> str:
    """` on rank 0 of 2`, where the trace is that of one rank of several; else ""."""
    own = trace.run.processes[0] if trace.run.processes else None
    if trace.whole is None or own is None:
        return ""
    n_ranks = sum(one.rank is not None for one in trace.whole.run.processes)
    return f" on {own} of {own.world_size or n_ranks}"

"""Which rank failed first, where the one that is told of lost its connection, and what a launcher knows of it."""

from dataclasses import replace

import builders
from builders import at

import gradtrace
from gradtrace.diagnosis.rules.program_failed import RULE
from gradtrace.model import ProgramError, RecordedProcess

MESSAGE = """
============================================================
train.py FAILED
------------------------------------------------------------
Failures:
[1]:
  rank      : 1 (local_rank: 1)
  exitcode  : -15 (pid: 11004)  (SIGTERM)
Root Cause (first observed failure):
[0]:
  rank      : 3 (local_rank: 0)
  exitcode  : -9 (pid: 11003)
============================================================"""


def test_launcher_names_the_rank_that_failed_first():
    """Not the line of equal signs with which its message begins."""
    trace = builders.empty_trace()
    failed = replace(trace, run=replace(trace.run, error=ProgramError("ChildFailedError", MESSAGE, (at(8, "main()"),))))
    (finding,) = RULE.check(failed)
    assert finding.help.startswith("The launcher says that rank 3 ended first, by signal 9.")
    other = replace(failed.run, error=ProgramError("OtherError", MESSAGE, ()))
    assert "It says: train.py FAILED" in next(iter(RULE.check(replace(failed, run=other)))).help


def test_story_of_one_rank_begins_with_the_rank_that_failed_first():
    """What the others say follows from it."""
    trace = builders.product_trace()
    lost, cause = (
        ProgramError("RuntimeError", "connection closed"),
        ProgramError("ValueError", "bad batch", (at(14, "x"),)),
    )
    processes = (RecordedProcess(0, 10, 0, 2, error=lost), RecordedProcess(1, 11, 1, 2, error=cause))
    whole = replace(trace, run=replace(trace.run, processes=processes, error=cause))
    own = replace(trace, run=replace(trace.run, processes=processes[:1], error=lost), whole=whole)
    text = gradtrace.explain(own)
    first = text.index(":14 ended rank 1 first: bad batch")
    assert first < text.index("RuntimeError ended rank 0: connection closed")

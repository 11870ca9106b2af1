"""Exceptions in the middle of our code, as a signal's handler raises them: between any two instructions."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def interrupted(owner: type, instruction: int, error: type[BaseException], action: Callable[[], object]) -> bool:
    """Run the action, and raise the error at an instruction of the methods of a class; False if it has not so many."""
    code = {method.__code__ for method in vars(owner).values() if hasattr(method, "__code__")}
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if frame.f_code not in code:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
            if count == instruction:
                raise error("from a handler")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except error:
        return True
    finally:
        sys.settrace(before)
    return False

"""A program that handles every signal that can be handled, says which came, and ends at SIGTERM with status 9."""
import signal
import sys

import torch  # noqa: F401

KEPT = {"SIGKILL", "SIGSTOP", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGCHLD", "SIGTTIN", "SIGTTOU", "SIGTSTP"}


def say(number, _):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        sys.exit(9)


for one in signal.valid_signals():
    if not isinstance(one, signal.Signals) or one.name not in KEPT:
        signal.signal(one, say if isinstance(one, signal.Signals) else lambda number, _: print(number, flush=True))
print("ready", flush=True)
while True:
    signal.pause()

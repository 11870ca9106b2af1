"""`python -m gradtrace` and the console script."""

import gc
import sys

from gradtrace.cli.main import main as run


def main() -> int:
    """Runs the command line of this process."""
    gc.disable()  # looking for garbage among the objects of a large recording takes as long as drawing it
    status = run()
    gc.freeze()  # nor need Python look for it once more when it ends
    return status


if __name__ == "__main__":
    sys.exit(main())

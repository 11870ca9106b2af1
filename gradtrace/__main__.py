"""`python -m gradtrace` and the console script."""

import sys

from gradtrace.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

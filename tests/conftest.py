"""Makes the modules that tests share (`builders`, `tape`) importable from every test file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

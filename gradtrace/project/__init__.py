"""What a project has settled for its runs: `[tool.gradtrace]` in its pyproject.toml.

`settings` declares the keys: a new key is a field there, with words for what it must be. `find` looks for the file, and
loads what decodes it only where there is a table: a program that waits to be started need not wait for that.
"""

from gradtrace.project.find import find_settings

__all__ = ["find_settings"]

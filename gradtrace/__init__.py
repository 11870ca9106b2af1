"""gradtrace shows where every gradient comes from.

Importing this package imports nothing heavy: the public verbs are loaded when they are first used.
"""

__version__ = "0.1.0"

"""The version of gradtrace, said once."""

__version__ = "0.1.0"

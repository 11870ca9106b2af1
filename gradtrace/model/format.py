"""What the recorder, the launcher and the reader of recordings must agree on."""

FORMAT_NAME = "gradtrace-recording"
"""Stands in the first line of each stream and recording."""

FORMAT_VERSION = (1, 0)
"""History: 1.0 the first."""

VALUE_LIMIT = 16
"""Tensors up to this many elements are recorded with all their values."""

EXPRESSION_FILE = "<expression>"
"""The file name of a target that is an expression, in locations and tracebacks."""

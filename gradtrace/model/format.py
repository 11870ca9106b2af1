"""What the recorder, the launcher and the reader of recordings must agree on."""

FORMAT_NAME = "gradtrace-recording"
"""Stands in the first line of each stream and recording."""

FORMAT_VERSION = (1, 1)
"""History: 1.0 the first; 1.1 a number and a checksum at the end of each line, and lines for what was not seen."""

FRAMED_SINCE = (1, 1)
"""From here on every line ends in its number and a checksum."""

VALUE_LIMIT = 16
"""Tensors up to this many elements are recorded with all their values."""

EXPRESSION_FILE = "<expression>"
"""The file name of a target that is an expression, in locations and tracebacks."""

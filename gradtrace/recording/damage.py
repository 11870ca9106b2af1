"""What is raised inside this room when a line cannot be true; `load` adds the file and the line."""


class Damage(Exception):  # noqa: N818 - it is a finding about a file, not an error that reaches anybody
    """A line contradicts the schema or what stands before it."""

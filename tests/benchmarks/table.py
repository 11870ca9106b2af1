"""Writes a Markdown table."""


def table(head: list[str], rows: list[list[str]]) -> str:
    """First column to the left, the others to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

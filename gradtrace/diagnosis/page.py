"""What the page of a rule holds beside its words."""

import re


def program(page: str, section: str = "Example") -> str:
    """The program that a section of a page shows; empty when it shows none."""
    text = re.search(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    shown = re.search(r"^```python\n(.*?)^```$", text[1] if text else "", re.MULTILINE | re.DOTALL)
    return shown[1] if shown else ""

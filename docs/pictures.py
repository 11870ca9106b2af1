"""The pictures of `docs/images`, made by the commands that their pages show."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import terminal_blocks

COMMANDS: Final = {
    "product.svg": "gradtrace render -q examples/product.py --engine builtin -o product.svg",
    "two_layer_net.svg": "gradtrace render -q examples/two_layer_net.py --engine builtin -o two_layer_net.svg",
    "transformer.svg": (
        "gradtrace render -q examples/transformer.py --depth 1 --no-fold --engine builtin -o transformer.svg"
    ),
}
"""File name to command; the built-in engine draws the same everywhere, whatever version of `dot` is installed."""


def draw(name: str, folder: Path, examples: Path) -> bytes:
    """Draw one picture in a folder of its own.

    Raises:
        RuntimeError: the command wrote no picture; the message holds what it printed.
    """
    screen = terminal_blocks.Terminal(folder, examples).run(COMMANDS[name], 80)
    picture = folder / name
    if not picture.exists():
        raise RuntimeError(f"{COMMANDS[name]}\n{screen}")
    return picture.read_bytes()

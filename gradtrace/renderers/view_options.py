"""What a person may ask of a format, and what a format is told of the place where its text will be read."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradtrace.model import Trace
    from gradtrace.text.rule_text import RuleText

_OPTION, _HARMLESS = "option", "harmless"


def _spelled(option: str, harmless: bool = False) -> Any:
    """A field whose option is not called like it; `harmless` if a format without it does what is asked anyway."""
    return field(default=None, metadata={_OPTION: option, _HARMLESS: harmless})


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewOptions:
    """What was asked for; None leaves the format's own default. A new option of a format is a field here.

    Attributes:
        pass_index: which pass, from 1; by default the first that was recorded in full.
        depth: modules below this level are closed.
        fold: whether anything is folded beyond what `depth` closes.
        max_lines: at most so many lines.
        focus: only what leads to the leaf, module or value of this name.
        expand: modules that are open whatever else is folded.
        values: whether labels carry forward values.
        shapes: whether they carry shapes.
        source: whether they carry places in the source.
        aten: show torch's own nodes and their names, not what the program called.
        direction: of a picture: `tb` (the forward pass runs downwards) or `lr` (to the right).
        style: of a picture: `full`, or `slide` (values in boxes, ops as circles).
        size: of a picture: `page`, `a4`, `slide` or `WxH` in pixels.
        engine: what lays a picture out: auto, dot or builtin.
        theme: of a picture: light or dark.
        ascii_only: no characters beyond ASCII.
    """

    pass_index: int | None = _spelled("--pass")
    depth: int | None = None
    fold: bool | None = _spelled("--no-fold", harmless=True)
    max_lines: int | None = None
    focus: str | None = None
    expand: tuple[str, ...] | None = None
    values: bool | None = None
    shapes: bool | None = None
    source: bool | None = None
    aten: bool | None = None
    direction: str | None = None
    style: str | None = None
    size: str | None = None
    engine: str | None = None
    theme: str | None = None
    ascii_only: bool | None = _spelled("--ascii")

    def given(self) -> dict[str, Any]:
        """What was asked for, by the names of the fields."""
        return _said(self)

    def refused_by(self, taken: frozenset[str]) -> str | None:
        """The option, as the command line spells it, that means nothing to a format which takes these; None if all do.

        Args:
            taken: the names of the format's own options.
        """
        for item in fields(self):
            if getattr(self, item.name) is not None and item.name not in taken and not item.metadata.get(_HARMLESS):
                return str(item.metadata.get(_OPTION, f"--{item.name.replace('_', '-')}"))
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewContext:
    """What nobody asks for, because it follows from the rest; a format takes of it what it can use.

    Attributes:
        color: escape codes may be written.
        width: columns; None when nothing is known.
        ascii_only: the place can show no more.
        verbose: say more.
        quiet: say only what is most important.
        graphs: whether a document holds the graphs.
        rules: the rules that looked, for formats that list them.
        is_explained: findings that say what ended the program stand above.
        is_examined: rules have looked for what is wrong.
        other_ranks: what the other ranks of the program did, for formats that can show several.
    """

    color: bool | None = None
    width: int | None = None
    ascii_only: bool | None = None
    verbose: bool | None = None
    quiet: bool | None = None
    graphs: bool | None = None
    rules: tuple[RuleText, ...] | None = None
    is_explained: bool | None = None
    is_examined: bool | None = None
    other_ranks: tuple[Trace, ...] | None = None

    def given(self) -> dict[str, Any]:
        """What is known, by the names of the fields."""
        return _said(self)


def _said(options: ViewOptions | ViewContext) -> dict[str, Any]:
    values = {item.name: getattr(options, item.name) for item in fields(options)}
    return {name: value for name, value in values.items() if value is not None}

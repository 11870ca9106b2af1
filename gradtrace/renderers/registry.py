"""The formats: what they are called, which files hold them, and which module draws them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from gradtrace.errors import UsageError
from gradtrace.model.needs import USUALLY, Needs
from gradtrace.renderers.view_options import ViewContext, ViewOptions
from gradtrace.suggest import no_such

if TYPE_CHECKING:
    from gradtrace.model import Trace

NOTHING_ASKED = ViewOptions()
NO_CONTEXT = ViewContext()

_ALL_PASSES = "which holds every pass that was recorded; --passes N records pass N in full"

_OF_ONE_PASS = frozenset({"tree", "picture", "page", "explain"})
"""Packages of formats that show one pass, so that they take `pass_index`."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way to show a trace.

    Attributes:
        module: below `gradtrace.renderers`; imported when first used. It has `Options` and `render(trace, options)`.
        preset: options that make this format of a module that draws several.
        is_binary: not for a terminal.
        needs: what it shows of tensors; of a recording it shows also what was measured besides.
        is_machine_format: read by programs: nothing else may stand in the same stream, and colours never.
        instead: of options that it does not take, what there is in their place.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    preset: dict[str, Any] = field(default_factory=dict)
    is_binary: bool = False
    is_machine_format: bool = True
    needs: Needs = USUALLY
    instead: Mapping[str, str] = field(default_factory=dict)

    @property
    def options(self) -> frozenset[str]:
        """Names of the options that this format takes."""
        return frozenset(item.name for item in fields(self._load().Options)) - self.preset.keys()

    @property
    def shows_one_pass(self) -> bool:
        """Whether it takes `pass_index`: told without loading it."""
        return self.module.partition(".")[0] in _OF_ONE_PASS

    def prepare(self, expression: str | None = None, words: tuple[str, ...] = ()) -> None:
        """Does what can be done before there is a trace: loads the module, and looks into the expression that runs.

        Args:
            expression: its statements; None when something else runs.
            words: those that define its names.
        """
        module = self._load()
        if expression is not None and hasattr(module, "prepare"):
            module.prepare(expression, words)

    def check(self, asked: ViewOptions) -> None:
        """Finds out whether every option that was asked for means something to this format.

        Raises:
            UsageError: with the option as the command line spells it, if not.
        """
        known = {"pass_index"} if self.shows_one_pass else set()
        if asked.given().keys() - known:  # else the format need not be loaded for that
            refused = asked.refused_by(self.options)
            if refused is not None:
                instead = self.instead.get(refused)
                why = "" if instead is None else f", {instead}"
                raise UsageError(f"{refused} means nothing to the format {self.name}{why}")

    def render(
        self, trace: Trace, asked: ViewOptions = NOTHING_ASKED, context: ViewContext = NO_CONTEXT
    ) -> str | bytes:
        """Draws the trace.

        Args:
            trace: what was recorded.
            asked: what a person asked for.
            context: what follows from the place where the text will be read.

        Raises:
            UsageError: if an option means nothing to this format.
            RenderError: if it cannot be drawn.
        """
        drawn: str | bytes = self._load().render(trace, self._converted(asked, context))
        return drawn

    def pieces(
        self, trace: Trace, asked: ViewOptions = NOTHING_ASKED, context: ViewContext = NO_CONTEXT
    ) -> Iterator[str] | None:
        """The same text piece by piece, so that a large one need not be held whole; None if it has to be.

        Args:
            trace: what was recorded.
            asked: what a person asked for.
            context: what follows from the place where the text will be read.

        Raises:
            UsageError: if an option means nothing to this format.
        """
        module = self._load()
        written: Iterator[str] | None = None
        if hasattr(module, "pieces"):
            written = module.pieces(trace, self._converted(asked, context))
        return written

    def _converted(self, asked: ViewOptions, context: ViewContext) -> Any:
        """The options of the format's own type; what was asked for wins over what follows from the place."""
        self.check(asked)
        taken = self.options
        known = {name: value for name, value in {**context.given(), **asked.given()}.items() if name in taken}
        return self._load().Options(**self.preset, **known)

    def _load(self) -> Any:
        return importlib.import_module(f"gradtrace.renderers.{self.module}")


FORMATS = (
    Format("tree", (".txt",), "tree.tree", is_machine_format=False),
    Format("dot", (".dot", ".gv"), "picture.dot"),
    Format("svg", (".svg",), "picture.pictures", {"format": "svg"}),
    Format("png", (".png",), "picture.pictures", {"format": "png"}, is_binary=True),
    Format("pdf", (".pdf",), "picture.pictures", {"format": "pdf"}, is_binary=True),
    Format("mermaid", (".mmd", ".mermaid"), "picture.mermaid"),
    Format("html", (".html", ".htm"), "page.page"),
    Format("json", (".json",), "document.trace", instead={"--pass": _ALL_PASSES}),
    Format("text", (), "explain.explanation", is_machine_format=False),
    Format("full", (".txt",), "findings.full", is_machine_format=False, needs=()),
    Format("concise", (), "findings.concise", needs=()),
    Format("sarif", (".sarif",), "findings.sarif", needs=()),
    Format("github", (), "findings.github", needs=()),
    Format("junit", (".xml",), "findings.junit", needs=()),
    Format("markdown", (".md",), "explain.explanation", {"markdown": True}, is_machine_format=False),
)

PICTURES = ("tree", "dot", "svg", "png", "pdf", "mermaid", "html", "json")
"""What `render` draws."""

STORIES = ("text", "markdown", "json")
"""What `explain` writes."""

DIAGNOSES = ("full", "concise", "json", "sarif", "github", "junit")
"""What `check` writes."""

_OF_COMMANDS = {"render": PICTURES, "explain": STORIES, "check": DIAGNOSES}

_INSTEAD: dict[tuple[str, ...], tuple[Format, ...]] = {
    DIAGNOSES: (Format("json", (".json",), "findings.document", needs=()),)
}
"""Formats that are another for some commands than the one of this name in the table."""


def find(name: str, among: tuple[str, ...]) -> Format:
    """The format of this name.

    Raises:
        UsageError: with the list, if there is none.
    """
    for known in (*_INSTEAD.get(among, ()), *FORMATS):
        if known.name == name and name in among:
            return known
    elsewhere = next((command for command, names in _OF_COMMANDS.items() if name in names), None)
    raise UsageError(no_such("format", name, among) + (f"; gradtrace {elsewhere} has it" if elsewhere else ""))


def for_file(path: PurePath, among: tuple[str, ...]) -> Format:
    """The format that a file's suffix names.

    Raises:
        UsageError: with the list, if it names none.
    """
    known = [item for item in FORMATS if item.name in among]
    for item in known:
        if path.suffix.lower() in item.suffixes:
            return find(item.name, among)
    suffixes = ", ".join(item.suffixes[0] for item in known if item.suffixes)
    what = (
        f"the suffix {path.suffix!r} names no format" if path.suffix else f"{path.name} has no suffix to name a format"
    )
    raise UsageError(f"{what}: use one of {suffixes}, or say which with --format ({', '.join(among)})")

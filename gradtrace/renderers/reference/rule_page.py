"""The page of a rule, for the terminal or as the Markdown that it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gradtrace.text.rule_text import RuleText
from gradtrace.text.snippet import wrapped

_WIDTH, _NARROWEST, _WIDEST = 80, 40, 100
_BOLD, _CODE, _MUTED = "1", "36", "2"
_SPAN = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


@dataclass(frozen=True, slots=True)
class Options:
    """How a page is written."""

    width: int | None = None
    color: bool = False
    markdown: bool = False


def render(rule: RuleText, options: Options) -> str:
    """One page, with the rule's name and severity above it; it begins with the summary, if need be with ours."""
    page = rule.page.strip()
    if page.startswith("#") or not page:
        page = f"{rule.summary}\n\n{page}".strip()
    if options.markdown:
        return f"# {rule.name}\n\n*{rule.severity}*\n\n{page}\n"
    width = min(max(options.width or _WIDTH, _NARROWEST), _WIDEST)
    lines = [_painted(f"{rule.name} ({rule.severity})", _BOLD, options), *_body(page, width, options)]
    return "".join(f"{line.rstrip()}\n" for line in lines).rstrip("\n") + "\n"


def render_list(rules: tuple[RuleText, ...], options: Options) -> str:
    """One line a rule: name, severity, what it finds."""
    name_width = max((len(rule.name) for rule in rules), default=0)
    indent = name_width + 11
    lines: list[str] = []
    for rule in rules:
        room = max((options.width or 10_000) - indent, 20)
        first, *rest = wrapped(rule.summary, room)
        lines.append(
            f"{_painted(rule.name, _BOLD, options)}{' ' * (name_width - len(rule.name))}  {rule.severity:<9}{first}"
        )
        lines += [" " * indent + line for line in rest]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _body(page: str, width: int, options: Options) -> Iterator[str]:
    paragraph: list[str] = []
    is_code = had_code = False
    for line in [*page.splitlines(), ""]:
        if line.startswith("```"):
            yield from _paragraph(paragraph, width, options)
            had_code, is_code = is_code, not is_code
        elif is_code:
            yield _painted(f"    {line}", _CODE, options) if line else ""
        elif line.startswith("#"):
            yield from _paragraph(paragraph, width, options)
            yield _painted(line.lstrip("# "), _BOLD, options)
        elif not line.strip():
            if paragraph or had_code:
                yield from _paragraph(paragraph, width, options)
                yield ""
            had_code = False
        else:
            if line.lstrip().startswith(("- ", "* ")):
                yield from _paragraph(paragraph, width, options)
            paragraph.append(line.strip())


def _paragraph(lines: list[str], width: int, options: Options) -> Iterator[str]:
    if not lines:
        return
    indent = "    " if lines[0].startswith(("- ", "* ")) else "  "
    text = " ".join(lines)
    lines.clear()
    for number, line in enumerate(wrapped(text, width - len(indent))):
        yield f"{'  ' if not number else indent}{_spans(line, options)}"


def _spans(line: str, options: Options) -> str:
    """Code and bold words of Markdown, coloured where colours are; backticks stay where they are not."""
    if not options.color:
        return line.replace("**", "")
    return _SPAN.sub(lambda match: _painted(match[1] or match[2], _CODE if match[1] else _BOLD, options), line)


def _painted(text: str, code: str, options: Options) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if options.color and text else text

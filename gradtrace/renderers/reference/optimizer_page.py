"""The page of an optimizer: words, the rule of a step, what it keeps, its settings, and steps that were taken."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradtrace.formulas.optimizers.update_rule import UpdateRule
from gradtrace.formulas.worked_steps import WorkedSteps
from gradtrace.renderers.reference.pages import WIDTH, Options, wrapped_rows, written
from gradtrace.text.blocks import Block, Cell, Heading, Paragraph, Table
from gradtrace.text.wording import elements


def render(rule: UpdateRule, example: WorkedSteps | None, options: Options) -> str:
    """The page of one optimizer.

    Args:
        rule: the optimizer.
        example: its example with numbers; None to leave it out.
        options: how to write.
    """
    return written(lambda width: _blocks(rule, example, options, width), options)


def render_list(rules: Sequence[UpdateRule], options: Options) -> str:
    """One line an optimizer: its name and what it does; whole where the line has no end, in a pipe."""
    longest = max(len(rule.name) + len(rule.forward) for rule in rules)
    return written(lambda _: iter([_list(rules)]), replace(options, width=options.width or longest + WIDTH))


def _list(rules: Sequence[UpdateRule]) -> Table:
    rows = tuple((Cell(rule.name, "name"), Cell(rule.forward)) for rule in rules)
    return Table(("optimizer", "what it does"), rows, is_list=True)


def _blocks(rule: UpdateRule, example: WorkedSteps | None, options: Options, width: int) -> Iterator[Block]:
    yield Heading(f"{rule.name}  torch.optim.{rule.name}")
    yield Paragraph(rule.forward)
    yield Paragraph(rule.words)
    if rule.lines:
        yield _step(rule, options.verbose, width)
    if rule.state:
        whose = "for all parameters together" if rule.iteration else "for each parameter"
        yield _table(("keeps", whose), [(s.name, _under(s.words, s.when)) for s in rule.state], width)
    settings = [(s.name, f"{s.words} ({_default(s.default)})") for s in rule.settings]
    yield _table(("setting", "what it does (default)"), settings, width)
    if example is not None:
        yield from _example(rule, example)
    if rule.source:
        yield Paragraph(f"Published in: {rule.source}.")


def _step(rule: UpdateRule, shows_code: bool, width: int) -> Table:
    room = width - 4 - max(len(line.name) for line in rule.lines)
    rows: list[tuple[Cell, ...]] = []
    for line in rule.lines:
        rows += wrapped_rows(line.name, _under(line.maths, line.when), "gradient", room)
        if shows_code:
            rows += wrapped_rows("", line.code, "", room)
    return Table(("each iteration" if rule.iteration else "each step", "is"), tuple(rows))


def _table(header: tuple[str, str], entries: list[tuple[str, str]], width: int) -> Table:
    room = width - 4 - max(len(name) for name in (header[0], *dict(entries)))
    return Table(header, tuple(row for name, words in entries for row in wrapped_rows(name, words, "", room)))


def _under(text: str, when: str) -> str:
    return f"{text}   (if {when})" if when else text


def _example(rule: UpdateRule, example: WorkedSteps) -> Iterator[Block]:
    call = f"torch.optim.{rule.name}([param], {rule.example})"
    loss = f", the loss being {rule.example_loss}" if rule.example_loss else ""
    yield Paragraph(f"For example, run just now: {call}{loss}")
    names = dict.fromkeys(name for step in example.steps for name, _ in step.values)
    befores = [example.before, *(step.param for step in example.steps[:-1])]
    rows = [
        _row("param", befores),
        _row("grad", [step.grad for step in example.steps]),
        *(_row(name, [dict(step.values).get(name) for step in example.steps]) for name in names),
        _row("→ param", [step.param for step in example.steps], "gradient"),
    ]
    header = ("example", *(f"step {i + 1}" for i in range(len(example.steps))))
    yield Table(header, tuple(rows))
    if any(step.agrees is False for step in example.steps):
        yield Paragraph(f"torch.optim.{rule.name} gives something else: please report this.", "warning", "alarm")
    elif all(step.agrees for step in example.steps):
        yield Paragraph(f"torch.optim.{rule.name}, stepped on the same tensors, gives the same.")


def _row(name: str, values: list[object], style: str = "") -> tuple[Cell, ...]:
    return (Cell(name, "name"), *(Cell(_shown(value), style) for value in values))


def _default(value: object) -> str:
    """`0` for 0.0, `(0.9, 0.999)`, `None`."""
    if isinstance(value, tuple):
        return ", ".join(map(_default, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return elements(value)

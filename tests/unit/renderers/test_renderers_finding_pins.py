"""Findings in pictures: at the op whose line is wrong, else at the leaves concerned, and in words below."""

from dataclasses import replace

import builders
import pytest
from builders import at

from gradtrace.model import Finding, Trace
from gradtrace.renderers.picture import dot, mermaid, pictures
from gradtrace.renderers.picture.scene import Choice, compose


def _with(trace: Trace, *findings: Finding) -> Trace:
    return replace(trace, findings=findings)


def _badges(trace: Trace, choice: Choice | None = None) -> dict[str, list[str]]:
    """By the title of each box that has badges, what they say."""
    found: dict[str, list[str]] = {}
    for box in compose(trace, choice or Choice()).boxes:
        texts = [span.text for row in box.rows for span in row if span.role == "badge" and span.text.startswith("!")]
        if texts:
            found[" ".join(span.text for span in box.rows[0])] = texts
    return found


def test_a_finding_stands_at_the_op_of_its_line() -> None:
    """And at no other."""
    trace = builders.accumulate_trace()
    finding = Finding("some-rule", "error", "it is wrong", at(8, "    h = w * x", "w * x"))
    assert _badges(_with(trace, finding)) == {"mul h": ["! some-rule"]}


def test_a_finding_whose_line_made_no_op_stands_at_its_leaves() -> None:
    """`zero_grad()` that is missing has no op; `w`, which it would have cleared, has a box."""
    trace = builders.accumulate_trace()
    (w,) = [leaf.id for leaf in trace.leaves if leaf.name == "w"]
    finding = Finding("zero-grad-forgotten", "error", "never cleared", at(11, "optimizer.step()"), leaves=(w,))
    assert list(_badges(_with(trace, finding)).values()) == [["! zero-grad-forgotten"]]
    assert next(iter(_badges(_with(trace, finding)))).startswith("w")


@pytest.mark.parametrize("draw", [dot, mermaid, pictures])
def test_every_picture_tells_findings_below(draw: object) -> None:
    """Also one that no box can show, and in print, where no tooltip helps."""
    finding = Finding("loss-broadcast", "warning", "the target was broadcast", at(99, "nowhere"))
    options = {"engine": "builtin"} if draw is pictures else {}
    text = draw.render(_with(builders.product_trace(), finding), draw.Options(**options))
    assert "loss-broadcast" in text
    assert "the target was broadcast" in text


def test_a_finding_of_another_pass_says_which() -> None:
    """It is not pinned where it did not happen."""
    trace = builders.accumulate_trace()
    finding = Finding("some-rule", "error", "it is wrong", at(8, "    h = w * x", "w * x"), passes=(3,))
    assert _badges(_with(trace, finding)) == {}
    assert _badges(_with(trace, finding), Choice(pass_index=3)) == {"mul h": ["! some-rule"]}
    notes = compose(_with(trace, finding), Choice()).notes
    assert notes[0].endswith("it is wrong, in pass 3 (--pass 3 draws it)")


def test_many_findings_are_counted() -> None:
    """The picture stays a picture."""
    findings = [Finding(f"rule-{i}", "warning", "something", None) for i in range(9)]
    notes = compose(_with(builders.product_trace(), *findings), Choice()).notes
    assert [note.split()[1] for note in notes[:5]] == ["rule-0:", "rule-1:", "rule-2:", "rule-3:", "5"]


def test_the_story_of_a_leaf_is_told_in_one_way() -> None:
    """Where one gradient is too long to be written out, all are norms: elements and norms cannot be compared."""
    trace = builders.accumulate_trace()
    rows = trace.passes[1].accumulations
    (w,) = [leaf.id for leaf in trace.leaves if leaf.name == "w"]
    long = [replace(row, after=replace(row.after, value=None)) if row.leaf == w else row for row in rows]
    trace = replace(trace, passes=(trace.passes[0], replace(trace.passes[1], accumulations=tuple(long))))
    box = next(box for box in compose(trace, Choice()).boxes if box.rows[0][0].text == "w")
    cells = [cell for step in box.steps if step.kind in {"pass", "drawn"} for cell in step.cells[1:] if cell != "None"]
    assert cells
    assert all(cell.startswith("|g| = ") for cell in cells)

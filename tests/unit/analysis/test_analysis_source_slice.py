"""What becomes of a number, by the source."""

import pytest

from gradtrace.analysis.source_slice import assigned, goes_to, is_shown, span_of, takes_in
from gradtrace.model import Location


def at(text: str, part: str | None = None, function: str = "<module>") -> Location:
    """The place of a part in a line, or of all of it."""
    part = text.strip() if part is None else part
    column = text.index(part) + 1
    return Location("x.py", 5, column, 5, column + len(part), function, text)


@pytest.mark.parametrize(
    ("text", "call", "names"),
    [
        ("    kl = kl_term.item()", "kl_term.item()", {"kl"}),
        ("kl = 0.5 * float(z.norm())", "float(z.norm())", {"kl"}),
        ("a, b = x.item(), y.item()", "y.item()", {"b"}),
        ("self.kl = z.item()", "z.item()", {"self.kl"}),
        ("terms['kl'] += z.item()", "z.item()", {"terms['kl']"}),
        ("    return w.norm().item()", "w.norm().item()", {"penalty()"}),
        ("if slow: kl = z.item()", "z.item()", {"kl"}),
        ("kl = z.item() if slow else 0", "z.item()", {"kl"}),
        ("print(f'loss={loss.item():.4f}')", "loss.item()", set()),
        ("print('loss', loss.item(), end='')", "loss.item()", set()),
        ("text = f'{loss.item()}'", "loss.item()", set()),
        ("losses.append(loss.item())", "loss.item()", set()),
        ("run.log(dict(loss=loss.item()))", "loss.item()", set()),
        ("is_bad = loss.item() > 3", "loss.item()", set()),
        ("while loss.item() > 3:", "loss.item()", set()),
    ],
)
def test_where_a_number_goes(text: str, call: str, names: set[str]) -> None:
    """It goes to what is computed from it and to nothing that only shows it."""
    assert goes_to(at(text, call, "Net.penalty")) == names


@pytest.mark.parametrize(
    ("text", "names", "tensor", "is_taken"),
    [
        ("loss = mse + 0.1 * kl", {"kl"}, "mse", True),
        ("loss += kl", {"kl"}, "loss", True),
        ("loss = rec + self.kl", {"self.kl"}, None, True),
        ("loss = rec + net.penalty(x)", {"penalty()"}, None, True),
        ("loss = loss + 0.5", {"loss"}, "loss", False),
        ("loss = kl + kl", {"kl"}, "kl", False),
        ("loss = mse * kl", {"kl"}, "mse", False),
        ("loss = mse + bias", {"kl"}, "mse", False),
    ],
)
def test_which_sums_take_it_in(text: str, names: set[str], tensor: str | None, is_taken: bool) -> None:
    """The number stands on one side and the tensor on the other."""
    assert takes_in(at(text), frozenset(names), None, tensor) is is_taken


def test_a_call_within_a_sum_is_known_by_its_place() -> None:
    """The two calls of a line are told apart, with letters before them that take several bytes."""
    text = "    loss = μ + w.norm().item()"
    assert takes_in(at(text), frozenset(), span_of(at(text, "w.norm().item()")), "μ")
    shown = "    print(μ + 1, w.item())"
    assert not takes_in(at(shown), frozenset(), span_of(at(shown, "w.item()")), "μ")


def test_what_a_statement_assigns() -> None:
    """All targets of an assignment, and nothing of a line that cannot be read."""
    assert assigned("    a, self.b = f(x)") == {"a", "self.b"}
    assert assigned("a = b = f(x)") == {"a", "b"}
    assert assigned("total += x") == frozenset()
    assert assigned("f(x,") == frozenset()


@pytest.mark.parametrize(
    ("text", "is_look"),
    [
        ("print(loss.detach())", True),
        ("text = f'{loss.detach():.3f}'", True),
        ("run.log({'loss': loss.detach()})", True),
        ("writer.add_scalar('loss', loss.detach(), step)", True),
        ("bar.set_postfix(loss=loss.detach())", True),
        ("x = torch.log(loss.detach())", False),
        ("out = head(loss.detach())", False),
        ("print(1); x = loss.detach()", False),
        ("x = 1; print(loss.detach())", True),
    ],
)
def test_what_is_made_to_be_looked_at(text: str, is_look: bool) -> None:
    """It stands in an f-string or in a call that prints or logs."""
    assert is_shown(at(text, "loss.detach()")) is is_look

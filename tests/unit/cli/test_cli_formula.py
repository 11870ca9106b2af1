import pytest

from gradtrace.cli.main import main


def test_page_without_example(capfd: pytest.CaptureFixture[str]):
    """The page goes to stdout, plain in a pipe; nothing is run."""
    assert main(["formula", "MulBackward0", "--no-example"]) == 0

    out, err = capfd.readouterr()
    assert out.startswith("mul  MulBackward0\n  Multiplies two tensors element by element.\n")
    assert "\x1b" not in out
    assert "just now" not in out
    assert err == ""


def test_page_with_example(capfd: pytest.CaptureFixture[str]):
    """The example is run when the page is shown."""
    assert main(["formula", "sigmoid"]) == 0

    out = capfd.readouterr().out
    assert "For example, run just now: result = torch.sigmoid(self)" in out
    assert "→ self   f32[3]  [0.105, 0.5, 0.05299]" in out
    assert "Autograd, asked on the same tensors, gives the same." in out


def test_list(capfd: pytest.CaptureFixture[str]):
    """Every entry of the catalogue and every optimizer has a line."""
    from gradtrace.formulas.catalogue import CATALOGUE
    from gradtrace.formulas.optimizers import RULES

    assert main(["formula", "--list"]) == 0

    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 1 + len(CATALOGUE) + 2 + len(RULES)
    assert any(line.split()[:1] == ["AdamW"] for line in lines)


def test_page_of_an_optimizer_with_example(capfd: pytest.CaptureFixture[str]):
    """Its steps are taken when the page is shown; -v adds the rule as runnable torch."""
    assert main(["formula", "torch.optim.SGD", "-v"]) == 0

    out = capfd.readouterr().out
    assert out.startswith("SGD  torch.optim.SGD\n  Moves each parameter against its gradient")
    assert "  momentum_buffer  [0.5, 1]      [1.45, -0.1]\n" in out
    assert "  → param          [0.95, -2.1]  [0.805, -2.09]\n" in out
    assert "                   grad + weight_decay * param\n" in out
    assert "torch.optim.SGD, stepped on the same tensors, gives the same." in out


def test_unknown_op_is_an_error(capfd: pytest.CaptureFixture[str]):
    """Status 2, close names, and where to find all."""
    assert main(["formula", "softmaxx"]) == 2

    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("gradtrace: error: no op, node type or optimizer is called 'softmaxx'; close to it: softmax")
    assert err.endswith("All of them: gradtrace formula --list\n")


@pytest.mark.parametrize("words", [["formula"], ["formula", "mul", "--list"]])
def test_one_op_or_the_list(words: list[str], capfd: pytest.CaptureFixture[str]):
    """Neither and both are usage errors."""
    assert main(words) == 2

    assert capfd.readouterr().err == "gradtrace: error: say which op or optimizer, or --list for all of them\n"


def test_page_can_be_written_to_a_file(tmp_path, capfd: pytest.CaptureFixture[str]):
    """With -o nothing is left on stdout."""
    page = tmp_path / "mul.md"

    assert main(["formula", "mul", "--no-example", "-f", "markdown", "-o", str(page)]) == 0

    assert page.read_text("utf-8").startswith("### mul  MulBackward0\n")
    assert capfd.readouterr().out == ""

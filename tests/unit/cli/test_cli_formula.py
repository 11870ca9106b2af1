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
    """Every entry of the catalogue has a line."""
    from gradtrace.formulas.catalogue import CATALOGUE

    assert main(["formula", "--list"]) == 0

    assert len(capfd.readouterr().out.splitlines()) == 1 + len(CATALOGUE)


def test_unknown_op_is_an_error(capfd: pytest.CaptureFixture[str]):
    """Status 2, close names, and where to find all."""
    assert main(["formula", "softmaxx"]) == 2

    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("gradtrace: error: no op or node type is called 'softmaxx'; close to it: softmax")
    assert err.endswith("All of them: gradtrace formula --list\n")


@pytest.mark.parametrize("words", [["formula"], ["formula", "mul", "--list"]])
def test_one_op_or_the_list(words: list[str], capfd: pytest.CaptureFixture[str]):
    """Neither and both are usage errors."""
    assert main(words) == 2

    assert capfd.readouterr().err == "gradtrace: error: say which OP, or --list for all of them\n"


def test_page_can_be_written_to_a_file(tmp_path, capfd: pytest.CaptureFixture[str]):
    """With -o nothing is left on stdout."""
    page = tmp_path / "mul.md"

    assert main(["formula", "mul", "--no-example", "-f", "markdown", "-o", str(page)]) == 0

    assert page.read_text("utf-8").startswith("### mul  MulBackward0\n")
    assert capfd.readouterr().out == ""

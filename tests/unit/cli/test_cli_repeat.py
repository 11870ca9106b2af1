"""`--repeat` and `--no-zero` are for expressions."""

import pytest

from gradtrace.cli import main as cli


@pytest.mark.parametrize("option", [["--repeat", "3"], ["--no-zero"]])
def test_scripts_run_backward_as_often_as_they_do(option, tmp_path, capsys):
    """For a program the option is a usage error, and nothing runs."""
    script = tmp_path / "train.py"
    script.write_text("raise SystemExit('was run')")

    assert cli.main(["explain", str(script), *option]) == 2

    error = capsys.readouterr().err
    assert f"{option[0]} is for expressions" in error
    assert "was run" not in error

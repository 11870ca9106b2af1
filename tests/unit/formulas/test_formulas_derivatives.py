import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradtrace.formulas import derivatives as module
from gradtrace.formulas.derivatives import derivative, derivatives
from gradtrace.formulas.slot_table import slot_names_of_installed_torch


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache directory, and nothing remembered from before."""
    monkeypatch.setattr(module, "cache_directory", lambda: tmp_path / "gradtrace")
    derivatives.cache_clear()
    yield tmp_path / "gradtrace"
    derivatives.cache_clear()


def test_entries_are_torchs(cache: Path):
    """Node type, signature, inputs in slot order and formulas are those of the installed file."""
    entry = derivative("AddmmBackward0")

    assert entry.op == "addmm"
    assert entry.signature.startswith("addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1")
    assert entry.inputs == ("self", "mat1", "mat2")
    assert entry.formulas[0] == "maybe_multiply(grad, beta.conj())"


def test_types_are_numbered_as_torchs_code_generator_does(cache: Path):
    """Every type, with its inputs in order, is what torchgen itself makes of the file."""
    generated = slot_names_of_installed_torch()

    assert {node_type: generated[node_type] for node_type in derivatives()} == {
        node_type: entry.inputs for node_type, entry in derivatives().items()
    }
    assert set(generated) - set(derivatives()) == {
        node_type for node_type in generated if node_type.endswith("_copy") or node_type.startswith("Foreach")
    } - set(derivatives())


def test_variants_are_found_at_the_op_they_repeat(cache: Path):
    """Copying and many-tensor variants have no entry of their own in the file."""
    assert derivative("SelectBackward0_copy") == derivative("SelectBackward0")
    assert derivative("ForeachAddBackward0List") == derivative("AddBackward0")
    assert derivative("MyFunctionBackward") is None


def test_second_reading_comes_from_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch):
    """The file is parsed once for each installed torch."""
    first = derivatives()
    derivatives.cache_clear()
    monkeypatch.setattr(module, "_parse", lambda text: pytest.fail("parsed again"))

    assert derivatives() == first


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"stamp": 1, "entries": 2}', "\0\xff" * 100])
def test_damaged_cache_is_replaced(cache: Path, content: str):
    """Whatever stands in the cache file, the entries are right and the file is whole again afterwards."""
    first = derivatives()
    (file,) = cache.iterdir()
    file.write_bytes(content.encode("latin-1"))
    derivatives.cache_clear()

    assert derivatives() == first
    assert len(json.loads(file.read_text("utf-8"))["entries"]) == len(first)


def test_damaged_rows_are_not_trusted(cache: Path):
    """Rows of another form than the entries are parsed anew, too."""
    first = derivatives()
    (file,) = cache.iterdir()
    stored = json.loads(file.read_text("utf-8"))
    stored["entries"][0].pop("inputs")
    file.write_text(json.dumps(stored), "utf-8")
    derivatives.cache_clear()

    assert derivatives() == first


def test_cache_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file where the directory should be does no harm."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.setattr(module, "cache_directory", lambda: blocked / "gradtrace")
    derivatives.cache_clear()

    assert derivative("MulBackward0") is not None
    derivatives.cache_clear()


def test_cache_follows_the_users_wish(monkeypatch: pytest.MonkeyPatch):
    """On Linux XDG_CACHE_HOME says where caches are."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", os.path.join("some", "place"))  # noqa: PTH118 - as the variable has it

    assert module.cache_directory() == Path("some/place/gradtrace")


def test_torch_is_not_imported():
    """Formulas are found without the seconds that importing torch takes."""
    code = "import sys, gradtrace.formulas.lookup as it; it.lookup('MulBackward0'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"

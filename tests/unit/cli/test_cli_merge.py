"""`gradtrace merge` joins the recordings of one run by rank, and refuses what is not that."""

from __future__ import annotations

from pathlib import Path

import builders
import pytest
from stream_lines import content, line, stream

from gradtrace.cli.main import main
from gradtrace.recording import load, merge


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes the recording of a node with these ranks, of so many."""
    monkeypatch.chdir(tmp_path)

    def make(name: str, ranks: tuple[int, ...], size: int) -> str:
        session = tmp_path / f"{name}.session"
        session.mkdir()
        for rank in ranks:
            lines = stream(builders.product_trace(), pid=10 + rank, rank=rank, world_size=size)
            (session / f"{rank}.stream").write_bytes(content([*lines, line("end")]))
        merge(session, status=0, target=tmp_path / f"{name}.gtrace")
        return f"{name}.gtrace"

    return make


def test_all_nodes_are_one_run_in_the_order_of_ranks(node, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever the order in which they are given."""
    second, first = node("second", (2, 3), 4), node("first", (0, 1), 4)
    assert main(["merge", second, first, "-o", "all.gtrace"]) == 0
    assert "merged ranks 0-3" in capfd.readouterr().err
    run = load(Path("all.gtrace")).run
    assert [str(one) for one in run.processes] == ["rank 0", "rank 1", "rank 2", "rank 3"]
    assert run.complete


def test_one_rank_twice_is_an_error(node, capfd: pytest.CaptureFixture[str]) -> None:
    """Two runs, or one node twice: the files are named."""
    assert main(["merge", node("a", (0, 1), 2), node("b", (1,), 2), "-o", "all.gtrace"]) == 2
    assert "rank 1 is in a.gtrace and b.gtrace" in capfd.readouterr().err
    assert not Path("all.gtrace").exists()


def test_missing_ranks_must_be_allowed(node, capfd: pytest.CaptureFixture[str]) -> None:
    """Then the recording says which they are."""
    words = ["merge", node("a", (0,), 4), node("b", (2,), 4), "-o", "all.gtrace"]
    assert main(words) == 2
    assert "none of them holds ranks 1 and 3 of 4" in capfd.readouterr().err
    assert main([*words, "--allow-missing"]) == 0
    assert "nothing is there of ranks 1 and 3 of 4" in capfd.readouterr().err
    run = load(Path("all.gtrace")).run
    assert ([spot.text for spot in run.blind_spots], run.complete) == (["ranks 1 and 3 of 4"], False)


def test_other_numbers_of_ranks_are_other_runs(node, capfd: pytest.CaptureFixture[str]) -> None:
    """They cannot belong together."""
    assert main(["merge", node("a", (0,), 2), node("b", (1,), 4), "-o", "all.gtrace"]) == 2
    assert "its processes count 2 and 4 ranks" in capfd.readouterr().err

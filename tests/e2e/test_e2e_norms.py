"""`gradtrace norms` from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import builders
import pytest
from stream_lines import framed, recording

RANKS = """\
import math, os, sys
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.parallel import DistributedDataParallel

os.environ["GLOO_SOCKET_IFNAME"] = "lo"
rank = 0 if os.fork() else 1
dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}/store", rank=rank, world_size=2)
torch.manual_seed(rank)
net = DistributedDataParallel(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
found = []
for step in range(4):
    optimizer.zero_grad()
    with net.no_sync():
        net(torch.randn(3, 4)).pow(2).mean().backward()
    net(torch.randn(3, 4)).pow(2).mean().backward()
    found.append(nn.utils.clip_grad_norm_(net.parameters(), math.inf).item())
    optimizer.step()
sharded = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
fully_shard(sharded[0])
fully_shard(sharded)
optimizer = torch.optim.SGD(sharded.parameters(), lr=0.1)
for step in range(3):
    optimizer.zero_grad()
    sharded(torch.randn(3, 4)).pow(2).mean().backward()
    most = 0.01 if step == 1 else math.inf
    found.append(nn.utils.clip_grad_norm_(sharded.parameters(), most).full_tensor().item())
    optimizer.step()
for is_shown in (False, True):
    flat = FullyShardedDataParallel(
        nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)), use_orig_params=is_shown, device_id=torch.device("cpu")
    )
    optimizer = torch.optim.SGD(flat.parameters(), lr=0.1)
    flat(torch.randn(3, 4)).pow(2).mean().backward()
    found.append(flat.clip_grad_norm_(math.inf).item())
    optimizer.step()
open(f"{sys.argv[1]}/{rank}", "w").write(repr(found))
dist.barrier()
dist.destroy_process_group()
if rank == 0:
    os.wait()
"""


def norms(*words: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gradtrace", "norms", "--color", "never", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_ranks_have_the_norms_that_clipping_returns(tmp_path: Path) -> None:
    """Over gradients that were accumulated and averaged, and over those of which each rank holds a part.

    What the program prints stays out of JSON.
    """
    (tmp_path / "ranks.py").write_text(RANKS)
    done = norms("-f", "json", "ranks.py", "--", tmp_path, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    owners = document["optimizers"]
    assert [(one["process"], one["rank"]) for one in owners] == [(0, 0)] * 4 + [(1, 1)] * 4
    for rank in range(2):
        expected = json.loads((tmp_path / str(rank)).read_text())
        replicated, sharded, *flat = owners[4 * rank : 4 * rank + 4]
        assert [one["steps"][0]["total"] for one in flat] == pytest.approx(expected[7:], rel=1e-6)
        assert [one["shards"] for one in flat] == [[0, 1], [0, 1]]
        assert [step["total"] for step in replicated["steps"]] == pytest.approx(expected[:4], rel=1e-6)
        assert [step["before_clipping"] for step in sharded["steps"]] == pytest.approx(expected[4:7], rel=1e-6)
        clipped = [expected[4], 0.01, expected[6]]
        assert [step["total"] for step in sharded["steps"]] == pytest.approx(clipped, rel=1e-3)
        assert (replicated["shards"], sharded["shards"], sharded["missing_shards"]) == ([], [0, 1], [])
        assert all(step["update"] == pytest.approx(0.1 * step["total"], rel=1e-4) for step in sharded["steps"])
    assert owners[0]["parts"] == ["0", "2"]


def test_recording_without_norms_and_options_that_contradict(tmp_path: Path) -> None:
    """An error says what there is not, and what to do."""
    (tmp_path / "run.gtrace").write_bytes(b"".join(framed(recording(builders.accumulate_trace()))))
    done = norms("run.gtrace", cwd=tmp_path)
    assert done.returncode == 2
    assert "run.gtrace holds no norms of steps: gradtrace norms measures them while a program runs" in done.stderr
    done = norms("--by", "parameter", "--depth", "2", "run.gtrace", cwd=tmp_path)
    assert done.returncode == 2
    assert "--depth is about modules" in done.stderr

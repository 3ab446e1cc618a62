"""Moments over real gloo processes: the numbers of one, equal to the bit on each."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from gansaku.core import checkpoint
from gansaku.core.noise import Noise
from gansaku.metrics.frechet import Moments, frechet_distance
from gansaku.metrics.ranked import moments_over_ranks, share

ROWS, WIDTH = 1001, 12
PLAY = f"""
import sys
from pathlib import Path
import torch; torch.set_num_threads(1)
from gansaku.core import checkpoint, ranks
from gansaku.core.noise import Noise
from gansaku.metrics.frechet import Moments
from gansaku.metrics.ranked import moments_over_ranks, share
ranks.join(torch.device("cpu"))
rows = Noise(0, ("rows",)).normal({ROWS}, {WIDTH}) + 1000
own = rows[list(share(len(rows)))]
found = moments_over_ranks(Moments.streamed(own.split(64)))
out = Path(sys.argv[1]) / f"rank-{{ranks.rank()}}.safetensors"
tensors = {{"mean": found.mean, "scatter": found.scatter}}
checkpoint.write(out, tensors, {{"count": found.count, "own": len(own)}})
ranks.leave()
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list:
    out = tmp_path_factory.mktemp("ranked")
    script = out / "play.py"
    script.write_text(PLAY)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [sys.executable, *launch, str(script), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return [checkpoint.read(path) for path in sorted(out.glob("rank-*.safetensors"))]


def test_ranks_hold_the_same_to_the_bit(found: list) -> None:
    (a, head_a), (b, head_b) = found
    assert torch.equal(a["mean"], b["mean"])
    assert torch.equal(a["scatter"], b["scatter"])
    assert (head_a["count"], head_b["count"]) == (ROWS, ROWS)
    assert (head_a["own"], head_b["own"]) == (501, 500)  # each saw its share alone


def test_two_give_what_one_gives(found: list) -> None:
    whole = Moments.of(Noise(0, ("rows",)).normal(ROWS, WIDTH) + 1000)
    tensors, header = found[0]
    both = Moments(header["count"], tensors["mean"], tensors["scatter"])
    torch.testing.assert_close(both.mean, whole.mean, rtol=1e-13, atol=0)
    torch.testing.assert_close(both.scatter, whole.scatter, rtol=0, atol=1e-9)
    other = Moments.of(Noise(1).normal(500, WIDTH) * 1.5 + 999)
    expected = pytest.approx(frechet_distance(whole, other), rel=1e-10)
    assert frechet_distance(both, other) == expected


def test_alone_it_is_its_own() -> None:
    own = Moments.of(torch.eye(3))
    assert moments_over_ranks(own) is own
    assert share(5) == range(5)

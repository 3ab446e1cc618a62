"""The image pool of two processes is that of one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from gansaku.core import checkpoint

PLAY = """
import sys
from pathlib import Path
import torch; torch.set_num_threads(1)
from gansaku.core import checkpoint, ranks
from gansaku.core.contract import Clock
from gansaku.core.pool import Pool
ranks.join(torch.device("cpu"))
rank, world = ranks.rank(), ranks.world()
pool, seen = Pool(6, (1, 2, 2)), []
for step in range(9):
    whole = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 1, 2, 2) + 10 * step
    mine = whole.chunk(world)[rank]
    at = Clock(0, step, 9, 0, seed=1, key=(step,), index=rank, count=world)
    seen.append(pool.shown(mine, at))
    pool.keep()
tensors = {"pictures": pool.pictures, "filled": pool.filled, "seen": torch.stack(seen)}
checkpoint.write(Path(sys.argv[1]) / f"rank-{rank}.safetensors", tensors, {})
ranks.leave()
"""


def played(world: int, out: Path) -> list[dict[str, torch.Tensor]]:
    script = out / "play.py"
    script.write_text(PLAY)
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"]
    command = [sys.executable, *(launch if world > 1 else []), str(script), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return [checkpoint.read(path)[0] for path in sorted(out.glob("rank-*.safetensors"))]


def test_two_processes_show_and_keep_what_one_does(tmp_path):
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    (one,), (a, b) = played(1, folders[0]), played(2, folders[1])
    assert torch.equal(a["pictures"], b["pictures"])
    assert torch.equal(a["pictures"], one["pictures"])
    assert int(one["filled"]) == 6
    assert torch.equal(torch.cat([a["seen"], b["seen"]], 1), one["seen"])

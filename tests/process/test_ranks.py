"""Several processes are one: real gloo processes under torchrun against a single one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gansaku.core import checkpoint

TOYS = Path(__file__).parent.parent / "core"
PLAY = f"""
import sys; sys.path.insert(0, {str(TOYS)!r})
from pathlib import Path
import torch; torch.set_num_threads(1)
from toys import PLAIN, Toy, Vectors
from gansaku.core import checkpoint, ranks, state
from gansaku.core.loop import Run
ranks.join(torch.device("cpu"))
run = Run(Toy(optimizer=PLAIN, repeat=2), Vectors(), log_every=2)
records = []
run.play([lambda run: records.append(run.record)])
tensors, header = state.of(run)
out = Path(sys.argv[1]) / f"rank-{{ranks.rank()}}.safetensors"
checkpoint.write(out, tensors, header | {{"records": records}})
ranks.leave()
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> dict[int, list]:
    """What each process held at the end, for one process and for two."""
    found = {}
    for world in (1, 2):
        out = tmp_path_factory.mktemp(f"world{world}")
        script = out / "play.py"
        script.write_text(PLAY)
        launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"]
        command = [sys.executable, *(launch if world > 1 else []), str(script), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
        found[world] = [checkpoint.read(p) for p in sorted(out.glob("rank-*.safetensors"))]
        assert len(found[world]) == world
    return found


def test_ranks_are_bit_equal(ended):
    (a, head_a), (b, head_b) = ended[2]
    assert [name for name in a if not torch.equal(a[name], b[name])] == []
    assert head_a == head_b


def test_two_processes_end_where_one_does(ended):
    (whole, head), (half, head_half) = ended[1][0], ended[2][0]
    for name, value in whole.items():
        assert torch.allclose(value, half[name], atol=1e-6), name
    for ours, theirs in zip(head["records"], head_half["records"], strict=True):
        assert (ours is None) == (theirs is None)
        for name, value in (ours or {}).items():
            if not name.endswith("gradient"):
                assert theirs[name] == pytest.approx(value, abs=1e-5), name


TRAIN = """
import sys, torch; torch.set_num_threads(1)
from gansaku import api
api.train("DCGAN(width=4, z=8, batch_size=16, steps=12)", "digits", size=16, out=sys.argv[1],
          device="cpu", log_every=1, sheet_every=4, measure_every=4)
"""


def test_a_run_folder_is_written_once(tmp_path):
    from gansaku.core.folder import Folder

    script, out = tmp_path / "train.py", tmp_path / "run"
    script.write_text(TRAIN)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [sys.executable, *launch, str(script), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    folder = Folder(out)
    steps = [record["step"] for record in folder.records() if "measure" not in record]
    assert steps == list(range(1, 13))
    assert [p.stem for p in folder.sheets()] == [f"step-{s:08d}" for s in (4, 8, 12)]
    assert folder.log.read_text().count("finished at step 12") == 1
    assert checkpoint.header(folder.checkpoint())["time"]["images"] == 12 * 16

"""A run of two processes under torchrun writes its folder once; see test_jobs for the rest."""

from __future__ import annotations

import subprocess
import sys

from gansaku.core import checkpoint
from gansaku.core.folder import Folder

TRAIN = """
import sys, torch; torch.set_num_threads(1)
from gansaku import api
api.train("DCGAN(width=4, z=8, batch_size=16, steps=12)", "digits", size=16, out=sys.argv[1],
          device="cpu", log_every=1, sheet_every=4, measure_every=4)
"""


def test_a_run_folder_is_written_once(tmp_path):
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

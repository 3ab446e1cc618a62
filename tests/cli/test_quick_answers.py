"""What must answer at once does not import torch."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

CODE = """
import sys
from gansaku.cli.main import COMMANDS, main
try:
    code = main({argv!r})
except SystemExit as stop:
    code = stop.code
assert not {{"torch", "matplotlib", "scipy"}} & set(sys.modules), "imported"
sys.exit(code)
"""
QUICK = [
    ["--help"],
    ["--version"],
    ["recipes"],
    ["recipes", "wgan_gp"],
    ["cite", "dcgan"],
    ["train", "--help"],
    ["train", "dcgan", "--help"],
    *([name, "--help"] for name in ("resume", "runs", "sample", "interpolate", "data")),
]


@pytest.mark.parametrize("argv", QUICK, ids=" ".join)
def test_answers_without_torch(argv):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(argv=argv)], capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert done.stderr == ""
    assert after.ru_utime - before.ru_utime < 0.5  # processor time: others may be busy


def test_importing_the_package_imports_no_torch():
    code = "import sys, gansaku; assert gansaku.__version__; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

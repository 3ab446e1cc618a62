"""Freed blocks stay with the process: their pages are not faulted in again."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from gansaku.core.allocator import keep_large_blocks
if sys.argv[1] == "keep" and not keep_large_blocks():
    print(-1); sys.exit()
for _ in range(8):
    torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(word: str) -> int:
    command = [sys.executable, "-c", FAULTS, word]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_kept_blocks_are_not_faulted_in_again():
    kept = faults("keep")
    if kept < 0:
        pytest.skip("this C library has no mallopt")
    returned = faults("give back")
    if returned < 8 * 40_000_000 // 4096 // 8:
        pytest.skip("huge pages hide the faults here")
    assert kept < returned / 2
